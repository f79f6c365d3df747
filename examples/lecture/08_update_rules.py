"""Seven update rules walk down a narrow valley, past a saddle, and over Beale's function.

    python examples/lecture/08_update_rules.py
    python examples/lecture/08_update_rules.py --animation update_rules.gif
    python examples/lecture/08_update_rules.py --page update_rules.html

The picture goes to update_rules.png in the current folder.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import cnn_core as cnn


# The formulas serve nodes and NumPy arrays alike: a graph for the walk, arrays for the contours.
def valley(x, y):
    return 0.02 * x**2 + y**2


def saddle(x, y):
    return x**2 - y**2 + 0.25 * y**4


def beale(x, y):
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


@dataclass
class Surface:
    title: str
    f: Callable
    start: tuple[float, float]
    minima: list[tuple[float, float]]
    view: tuple[float, float, float, float]  # left, right, bottom, top
    levels: np.ndarray  # of the contours
    lr: list[float]  # one per rule: what makes a short step for one makes a long one for another


ROOT2 = 2**0.5
SURFACES = [
    Surface("Narrow valley", valley, (-9.0, 1.6), [(0, 0)], (-10.5, 4, -2.6, 2.6),
            np.geomspace(0.01, 10, 13), [0.9, 0.08, 0.08, 0.9, 0.9, 0.1, 0.4]),
    Surface("Saddle", saddle, (1.6, 0.01), [(0, ROOT2), (0, -ROOT2)], (-1.7, 2.1, -2, 2.2),
            np.linspace(-1, 3, 17), [0.05, 0.02, 0.02, 0.3, 0.5, 0.03, 0.05]),
    Surface("Beale's function", beale, (1.0, 1.5), [(3, 0.5)], (-0.4, 4.2, -1.8, 1.9),
            np.geomspace(0.02, 150, 15), [0.02, 0.003, 0.003, 1.0, 0.4, 0.03, 0.15]),
]  # fmt: skip

RULES = {
    "SGD": lambda lr: cnn.SGD(lr),
    "momentum": lambda lr: cnn.SGD(lr, momentum=0.9),
    "Nesterov": lambda lr: cnn.SGD(lr, momentum=0.9, nesterov=True),
    "Adagrad": lambda lr: cnn.Adagrad(lr),
    # Its first steps are about sqrt(eps) long: the default, 1e-6, would hardly leave the start.
    "Adadelta": lambda lr: cnn.Adadelta(lr, eps=1e-3),
    "RMSProp": lambda lr: cnn.RMSProp(lr, alpha=0.9),
    "Adam": lambda lr: cnn.Adam(lr),
}
COLOURS = dict(zip(RULES, ["#222222", "#e69f00", "#d55e00", "#0072b2", "#cc79a7", "#009e73",
                           "#7b3fc4"], strict=True))  # fmt: skip


def walk(surface, rule, steps):
    """Return the points (steps + 1, 2) that the rule visits."""
    x, y = cnn.Parameter("x", surface.start[0]), cnn.Parameter("y", surface.start[1])
    graph = cnn.Graph(surface.f(x, y))
    optimizer = RULES[rule](surface.lr[list(RULES).index(rule)])
    points = [surface.start]
    for _ in range(steps):
        graph.forward()
        graph.backward()
        optimizer.apply(graph.params)
        points.append((graph.params["x"].item(), graph.params["y"].item()))
    return np.array(points)


def save_page(path, rule, steps, every=5):
    """Save a page of Beale's function, whose slider goes along the walk of one rule."""
    surface = SURFACES[-1]
    x, y = cnn.Parameter("x", surface.start[0]), cnn.Parameter("y", surface.start[1])
    graph = cnn.Graph(surface.f(x, y))
    optimizer = RULES[rule](surface.lr[list(RULES).index(rule)])
    with graph.record(every, most=100) as recording:
        for _ in range(steps):
            graph.step(optimizer)
    graph.to_html(path, recording=recording)


def arrival(surface, points):
    """Return the step from which on the walk stays within 0.1 of a minimum; None if never."""
    gaps = points[:, None, :] - np.array(surface.minima)
    away = np.flatnonzero(np.linalg.norm(gaps, axis=2).min(axis=1) > 0.1)
    arrived = int(away[-1]) + 1 if len(away) else 0
    return arrived if arrived < len(points) else None


def draw_surface(axes, surface):
    left, right, bottom, top = surface.view
    x, y = np.meshgrid(np.linspace(left, right, 250), np.linspace(bottom, top, 250))
    z = np.clip(surface.f(x, y), surface.levels[0], surface.levels[-1])
    # One colour per band: the lowest palest, so that the walks stand out near the minimum.
    depth = np.linspace(0, 1, len(surface.levels) - 1)[:, None]
    shades = 1 - depth * [0.22, 0.15, 0.06]
    axes.contourf(x, y, z, surface.levels, colors=shades)
    axes.contour(x, y, z, surface.levels[1:-1], colors="#8fa6c4", linewidths=0.5,
                 linestyles="solid")  # fmt: skip
    axes.set(title=surface.title, xlim=(left, right), ylim=(bottom, top), xlabel="x", ylabel="y")


def draw(walks, dpi=100):
    """Return the figure, and for every walk its line and the dot at its end."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.9), layout="constrained", dpi=dpi)
    drawn = []
    for axes, surface in zip(figure.subplots(1, 3), SURFACES, strict=True):
        draw_surface(axes, surface)
        for rule, colour in COLOURS.items():
            points = walks[surface.title, rule]
            (line,) = axes.plot(*points.T, color=colour, linewidth=1.7, alpha=0.9, label=rule)
            (dot,) = axes.plot(*points[-1], "o", color=colour, markeredgecolor="white")
            drawn.append((points, line, dot))
        mark = {"linestyle": "", "markeredgecolor": "black", "zorder": 4}
        axes.plot(*surface.start, "s", color="white", markersize=8, label="start", **mark)
        axes.plot(*zip(*surface.minima, strict=True), "*", color="#ffd500", markersize=15,
                  label="minimum", **mark)  # fmt: skip
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=9,
                  frameon=False)  # fmt: skip
    return figure, drawn


def animate(path, walks, every):
    """Save the walks as they grow, one frame for ``every`` steps."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure, drawn = draw(walks, dpi=72)
    canvas = FigureCanvasAgg(figure)
    for _, line, dot in drawn:  # what moves is left out of the ground, which is drawn only once
        line.set_animated(True)
        dot.set_animated(True)
    canvas.draw()
    ground = canvas.copy_from_bbox(figure.bbox)
    frames = []
    last = len(drawn[0][0]) - 1
    for step in [*range(0, last, every), last]:
        canvas.restore_region(ground)
        for points, line, dot in drawn:
            line.set_data(*points[: step + 1].T)
            dot.set_data(*points[step : step + 1].T)
            line.axes.draw_artist(line)
            dot.axes.draw_artist(dot)
        frames.append(Image.fromarray(np.array(canvas.buffer_rgba())).convert("RGB"))
    # One palette for all frames, so that the ground does not flicker.
    palette = frames[-1].quantize(256, method=Image.Quantize.FASTOCTREE)
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    pause = [60] * (len(frames) - 1) + [2500]  # in ms
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=pause, loop=0)


def main():
    parser = argparse.ArgumentParser(description="Update rules on three surfaces.")
    parser.add_argument("--steps", type=int, default=250, help="of each rule (default: 250)")
    parser.add_argument("--picture", default="update_rules.png", help="where the picture goes")
    parser.add_argument("--animation", metavar="GIF", help="also save an animation there")
    parser.add_argument("--page", metavar="PATH", help="also save a page of one walk")
    parser.add_argument("--rule", choices=RULES, default="momentum", help="which rule's")
    parser.add_argument("--every", type=int, default=3, help="steps per frame (default: 3)")
    options = parser.parse_args()

    walks = {(s.title, rule): walk(s, rule, options.steps) for s in SURFACES for rule in RULES}
    print("steps until the walk stays within 0.1 of a minimum")
    print(f"{'':<8}", *(f"{s.title:>16}" for s in SURFACES))
    for rule in RULES:
        arrivals = [arrival(s, walks[s.title, rule]) for s in SURFACES]
        print(f"{rule:<8}", *(f"{'-' if n is None else n:>16}" for n in arrivals))
    draw(walks)[0].savefig(options.picture)
    print(f"picture: {options.picture}")
    if options.animation:
        animate(options.animation, walks, options.every)
        print(f"animation: {options.animation}")
    if options.page:
        save_page(options.page, options.rule, options.steps)
        print(f"page: {options.page}")


if __name__ == "__main__":
    main()
