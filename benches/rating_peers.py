"""cmfrec on the ratings of `thalweg reproduce flat-minima penalty`: the same shares of random splits, lambda from the validation part.

    python3 benches/rating_peers.py --data FOLDER [--tables movielens,goodbooks] [--splits 3] [--rank 32]

`scale_lam` multiplies the ridge of a row by its number of ratings: the flat penalty (exponent 1); without it all rows pay the same, the
nuclear norm (exponent 0). Prints one line for each table, penalty and treatment of biases: the mean test RMSE, its 95 % interval over splits,
and the lambdas that were chosen. One thread. Needs numpy, pandas and cmfrec.
"""

import argparse
import gzip
from pathlib import Path

import cmfrec
import numpy as np
import pandas as pd

LAMBDAS = {True: [0.03, 0.042, 0.058, 0.08, 0.11, 0.15, 0.21, 0.3, 0.42], False: [6.0, 8.5, 12.0, 17.0, 24.0, 34.0]}
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 9: 2.262}


def table(name, data):
    """Users, items and ratings."""
    if name == "movielens":
        with gzip.open(data / "movielens-1m/ratings-rebuilt.dat.gz", "rt", encoding="latin-1") as lines:
            rows = np.array([line.split("::")[:3] for line in lines], dtype=np.int64)
    else:
        rows = pd.read_csv(data / "goodbooks-10k/ratings_random.csv.gz").to_numpy()[:, :3]
    return pd.DataFrame({"UserId": rows[:, 0], "ItemId": rows[:, 1], "Rating": rows[:, 2].astype(float)})


def parts(ratings, seed):
    """Eight tenths to fit, a tenth to choose lambda, a tenth to judge; what no fit has seen stays with the fit."""
    share = np.random.default_rng(seed).random(len(ratings))
    training = ratings[share >= 0.2]
    known = ratings["UserId"].isin(training["UserId"]) & ratings["ItemId"].isin(training["ItemId"])
    training = ratings[(share >= 0.2) | ~known]
    return training, ratings[(share < 0.1) & known], ratings[(share >= 0.1) & (share < 0.2) & known]


def rmse(model, held):
    predicted = np.clip(model.predict(held["UserId"], held["ItemId"]), 1, 5)
    return float(np.sqrt(np.mean((predicted - held["Rating"]) ** 2)))


def chosen(training, validation, test, rank, is_flat, has_biases):
    """Lambda of the least validation error, and the test error there."""
    found = []
    for lam in LAMBDAS[is_flat]:
        model = cmfrec.CMF(
            k=rank, lambda_=lam, scale_lam=is_flat, user_bias=has_biases, item_bias=has_biases, method="als", use_cg=False, niter=20,
            nthreads=1, verbose=False, produce_dicts=True,
        ).fit(training)
        found.append((rmse(model, validation), lam, rmse(model, test)))
        if len(found) > 2 and found[-1][0] > found[-2][0] > found[-3][0]:
            break
    return min(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tables", default="movielens,goodbooks")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--rank", type=int, default=32)
    asked = parser.parse_args()
    for name in asked.tables.split(","):
        ratings = table(name, asked.data)
        splits = [parts(ratings, seed) for seed in range(asked.splits)]
        for has_biases in [False, True]:
            for is_flat in [False, True]:
                found = [chosen(*split, asked.rank, is_flat, has_biases) for split in splits]
                errors = np.array([error for _, _, error in found])
                half = STUDENT.get(len(errors) - 1, 1.96) * errors.std(ddof=1) / np.sqrt(len(errors)) if len(errors) > 1 else float("nan")
                print(
                    f"{name}, {'biases fitted' if has_biases else 'mean taken off'}, {'flat' if is_flat else 'nuclear'}: "
                    f"{errors.mean():.4f} ± {half:.4f}, lambda {[lam for _, lam, _ in found]}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
