"""The generative model, and what is left when the components are hidden."""

from example import COLOURS, axes, draw_components, mixture, rows

X, z = rows()
figure, (left, right) = axes(2)
for k in (0, 1):
    left.plot(*X[z == k].T, "o^"[k], color=COLOURS[k], ms=3, alpha=0.6, label=f"component {k}")
draw_components(left, mixture())
figure.legend(loc="outside lower center", ncols=2, frameon=False, markerscale=2)
left.set_title("generated: z, then x", fontsize=10)
right.plot(*X.T, ".", color="0.35", ms=4, alpha=0.6)
right.set_title("observed: x only", fontsize=10)
