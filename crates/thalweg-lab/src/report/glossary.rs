//! What the words on the page mean.

use crate::figure::text::escape;

/// Terms in the order in which the page uses them.
const TERMS: &[(&str, &str)] = &[
    ("X ≈ UVᵀ", "The data, m × n, and the factors: U is m × r, V is n × r, r is the rank. Component k is column k of U times column k of V."),
    ("observed entry", "An entry of X that was measured. Only these enter the objective; N is their number. A zero is a value, not a gap."),
    (
        "stationary point",
        "A point where no small step that keeps the factors non-negative lowers the objective, to first order. Minima are stationary; not every stationary point is a minimum.",
    ),
    (
        "KKT residual",
        "How far the Karush–Kuhn–Tucker conditions, which define stationary points, are from holding; projected gradient, scaled so that 10·X gives the same number.",
    ),
    (
        "lower bound, gap",
        "A number that no factorisation of this rank can beat, from the singular values of X: ½ Σ σₖ² over k > r. The gap is (objective − bound) / objective.",
    ),
    (
        "cosine of components",
        "The inner product of two rank-one matrices u vᵀ over the product of their norms: 1 when they are the same but for scale.",
    ),
    (
        "agreement",
        "Components of two restarts are matched one to one so that their cosines add up to the most; agreement is the mean cosine over components and pairs.",
    ),
    ("line, λ, ℓ(λ)", "The factors (1 − λ)A + λB between two points A and B, and the loss there: a polynomial of degree 4 in λ, known exactly."),
    ("α", "The least second derivative of ℓ on [0, 1]. α ≥ 0: the loss is convex on the segment."),
    (
        "star-convex towards B",
        "From every point of the segment, the tangent of the loss underestimates its value at B. Convex lines have it; others may too.",
    ),
    ("barrier", "How far the loss rises on a segment above the larger of its end values. 0: no hill between the two."),
    ("matched", "Before the line is drawn, the components of one answer are put in the order and the scale of the other: neither changes UVᵀ."),
    (
        "nuclear norm ‖X‖_*",
        "The sum of the singular values of X. Among the matrices that fit enough measurements, the one that makes it least is the one of low rank.",
    ),
    (
        "certified, radius",
        "Proved from the data alone, rounding included: every minimiser lies within the radius, relative to the answer's norm. The margin is the room that the proof has to spare.",
    ),
    ("unique", "U and V are the only non-negative factors with the product UVᵀ, order and scale of components apart."),
    (
        "established, measured",
        "Established: computed from the data, rounding included, by code that shares nothing with the solver. Measured: evidence from samples, which more samples may change.",
    ),
];

pub(super) fn html() -> String {
    let rows: String = TERMS.iter().map(|(term, meaning)| format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(term), escape(meaning))).collect();
    format!("<section id=\"glossary\">\n<h2>Words</h2>\n<dl class=\"facts\">\n{rows}</dl>\n</section>\n")
}
