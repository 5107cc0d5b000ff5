"""Codes by orthogonal matching pursuit, whose numbers are not below 0, and atoms that are improved by these codes."""

import numpy as np

_PICKS = 16  # the most rounds of picking for a row; with more parts than that several are picked at once
_LEAST = 1e-3  # of a row's length that a further part explains, or it is none
_RIDGE = 1e-5  # beside atoms of length 1
_DIGITS = 9  # of cosines: of atoms that are alike the first is picked, whichever rows are coded together
_DROPS = 4  # times that parts which came out below 0 are left out, and the others solved again
_CHUNK = 8_000_000  # inner products of picked atoms in memory at a time
_ROUNDS = 20
_ROWS = 8192  # the most that atoms are improved with
_WORK = 5e11  # multiplications of all rounds, about; rounds are fewer where one takes more of them
_WEAKEST = 20  # one atom in as many, which the error would miss least, starts anew after each round of the first half
_SWEEPS = 2  # over the atoms, in a round


def pursue(rows: np.ndarray, atoms: np.ndarray, active: int) -> np.ndarray:
    """Return weights [n,K], none below 0, at most `active` of a row above: what is left over says which atom is next.

    Each row is coded for itself, so that its code does not hang on which rows it is coded with.

    Args:
        rows: [n,C].
        atoms: [K,C], of length 1, or zeros.
        active: the most atoms of a row, 1..K.

    Returns:
        float32 [n,K].

    Source:
        Pati, Rezaiifar and Krishnaprasad, Orthogonal matching pursuit, 1993; of several picks at once Wang, Kwon and
        Shim, Generalized orthogonal matching pursuit, 2012.
    """
    weights = np.zeros((len(rows), len(atoms)), np.float32)
    atoms = np.asarray(atoms, np.float64)
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
    size = max(1, min(4096, _CHUNK // active**2))
    for begin in range(0, len(rows), size):
        part = slice(begin, begin + size)
        scale = np.where(lengths[part] > 0, lengths[part], 1)[:, None]
        places, values = _pick(rows[part] / scale, atoms, active)
        coded = weights[part]
        row, slot = np.nonzero(values)
        coded[row, places[row, slot]] = values[row, slot] * scale[row, 0]
    return weights


def _pick(rows: np.ndarray, atoms: np.ndarray, active: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which atoms rows [n,C] of length 1 have, and how much of each, both [n,active]."""
    products, every = rows @ atoms.T, np.arange(len(rows))[:, None]
    places, taken = np.zeros((len(rows), active), int), np.zeros((len(rows), active), bool)
    values, left = np.zeros((len(rows), active)), rows
    at_once = -(-active // _PICKS)
    for first in range(0, active, at_once):
        alike = np.round(left @ atoms.T, _DIGITS)
        alike[np.nonzero(taken)[0], places[taken]] = -1
        count = min(at_once, active - first)
        best = np.argsort(-alike, axis=1, kind="stable")[:, :count] if count > 1 else alike.argmax(1)[:, None]
        more = alike[every, best] > _LEAST
        if not more.any():
            break
        free = np.argsort(taken, axis=1, kind="stable")[:, :count]  # a part that was left out gives up its place
        places[every, free] = np.where(more, best, places[every, free])
        taken[every, free] |= more
        chosen = atoms[places]
        values, taken = _solve(chosen @ chosen.transpose(0, 2, 1), products[every, places], taken)
        left = rows - np.einsum("na,nac->nc", values, chosen)
    return places, values


def _solve(gram: np.ndarray, products: np.ndarray, taken: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weights [n,active] by least squares, and which of the taken parts have one above 0."""
    ones = np.eye(gram.shape[1])
    values = products
    for _ in range(_DROPS):
        both = taken[:, :, None] & taken[:, None, :]
        matrix = np.where(both, gram, 0) + ones * np.where(taken, _RIDGE, 1)[:, None]
        values = np.linalg.solve(matrix, np.where(taken, products, 0)[..., None])[..., 0]
        below = taken & (values <= 0)
        if not below.any():
            break
        taken = taken & ~below
    return np.where(taken, np.maximum(values, 0), 0), taken & (values > 0)


def improve(
    rows: np.ndarray, atoms: np.ndarray, active: int, *, rounds: int, fresh: bool, seed: int,
) -> np.ndarray:  # fmt: skip
    """Return atoms improved by turns with the codes that `pursue` gives rows; as they were, if that is no nearer.

    Args:
        rows: float32 [n,C]; at most 8,192 of them, drawn by the seed, are looked at.
        atoms: [K,C], of length 1.
        active: the most atoms of a row.
        rounds: the most to take.
        fresh: whether weak atoms may start anew; unused ones always do.
        seed: of what is drawn.

    Returns:
        float32 [K,C], of length 1.

    Source:
        Aharon, Elad and Bruckstein, K-SVD, 2006: codes by pursuit, atoms one after the other by least squares.
    """
    rng = np.random.default_rng((seed, 12))
    rows = rows[np.sort(rng.choice(len(rows), _ROWS, replace=False))] if len(rows) > _ROWS else rows
    start = best = np.asarray(atoms, np.float32)
    work = float(rows.size) * len(atoms) * (min(active, _PICKS) + 1)
    rounds = int(min(rounds, _ROUNDS, max(2, _WORK // work)))
    least = np.inf
    for turn in range(rounds + 1):
        codes = pursue(rows, start, active).astype(np.float64)
        left = rows - codes @ start
        power = (left**2).sum(1)
        unused = np.logical_not(codes.any(0))
        error = power.sum() * (1 + 1e-3 * unused.sum())  # an unused atom is worth a little, if it can be used
        if error < least:
            least, best = error, start
        if turn == rounds or power.sum() <= 1e-9 * (rows.astype(np.float64) ** 2).sum():
            break
        moved = _update(rows, codes, start.astype(np.float64))
        weak = np.array(unused, bool)
        if fresh and turn < rounds // 2:
            missed = (codes * (2 * left @ start.T + codes)).sum(0)  # by how much the error would grow without each
            weak[np.argsort(missed, kind="stable")[: len(atoms) // _WEAKEST]] = True
        drawn = rng.choice(len(rows), weak.sum(), p=power / power.sum())
        moved[weak] = left[drawn]
        start = _unit(moved).astype(np.float32)
    return best


def _update(rows: np.ndarray, codes: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Return atoms of which each in turn comes closest to what the others leave over of rows."""
    gram, products, atoms = codes.T @ codes, codes.T @ rows, atoms.copy()
    for _ in range(_SWEEPS):
        for index in np.flatnonzero(np.diag(gram) > 0):
            moved = products[index] - gram[index] @ atoms + gram[index, index] * atoms[index]
            length = np.linalg.norm(moved)
            atoms[index] = moved / length if length > 0 else atoms[index]
    return atoms


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
