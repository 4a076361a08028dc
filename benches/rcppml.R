# rcppml.R FOLDER M N RANK SECONDS THREADS: RcppML::nmf for growing numbers of iterations; prints seconds and iterations, writes W D and H.
suppressMessages({library(RcppML); library(Matrix)})
args <- commandArgs(TRUE)
number <- as.numeric(args[-1])
folder <- args[1]
setRcppMLthreads(number[5])
x <- if (file.exists(file.path(folder, "x.mtx"))) {
  as(as(readMM(file.path(folder, "x.mtx")), "CsparseMatrix"), "generalMatrix")
} else {
  matrix(readBin(file.path(folder, "x.bin"), "double", number[1] * number[2]), number[1], number[2])
}
iterations <- 1L
spent <- 0
while (spent < number[4]) {
  begin <- proc.time()
  fit <- nmf(x, number[3], tol = 1e-300, maxit = iterations, verbose = FALSE, seed = 1)
  took <- proc.time() - begin
  spent <- if (number[5] == 1) took[["user.self"]] + took[["sys.self"]] else took[["elapsed"]]
  writeBin(as.vector(fit$w %*% diag(fit$d, number[3])), file.path(folder, sprintf("w%d.bin", iterations)))
  writeBin(as.vector(fit$h), file.path(folder, sprintf("h%d.bin", iterations)))
  cat(spent, iterations, "\n")
  # it stopped by itself
  if (fit$iter < iterations && iterations > 100) break
  iterations <- max(iterations + 1L, as.integer(iterations * 1.5))
}
