"""Hard and soft assignment under the known parameters."""

from example import COLOURS, axes, draw_components, mixture, rows
from matplotlib.colors import LinearSegmentedColormap

X, _ = rows()
known = mixture()
figure, (left, right) = axes(2)
labels = known.predict(X)
for k in (0, 1):
    left.plot(*X[labels == k].T, "o^"[k], color=COLOURS[k], ms=3, alpha=0.7)
left.set_title("hard: predict", fontsize=10)
blend = LinearSegmentedColormap.from_list("blend", [COLOURS[0], "#DDDDDD", COLOURS[1]])
points = right.scatter(
    *X.T, c=known.predict_proba(X)[:, 1], cmap=blend, s=12, vmin=0, vmax=1, lw=0.2, ec="0.3"
)
right.set_title("soft: predict_proba", fontsize=10)
for ax in (left, right):
    draw_components(ax, known, lw=1)
figure.colorbar(points, ax=right, label="P(z = 1 | x)", shrink=0.8)
