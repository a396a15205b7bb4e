"""The longest gaps of the event loop in the panel, by phase: how long the window does not react to the user.

Usage: QT_QPA_PLATFORM=offscreen python benchmarks/event_loop_gaps.py [SIZE_OF_THE_VOLUME, 256x256x36]

Runs the panel of `Testing/slicer` on PySide6 and slicer-core with a model of random weights, and a made-up liver mask. Prints for
each phase the longest time between two rounds of the event loop: on the clock, and of this thread's own processor time, which
does not depend on what else the machine does. Aim: 100 ms. Also prints how long opening the module takes.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "Testing" / "slicer"), str(ROOT)]


class Gaps:
    """Longest gaps, in seconds, by phase: (clock, processor)."""

    def __init__(self, process_events: Callable[[], None]) -> None:
        self._process_events = process_events
        self.longest: dict[str, tuple[float, float]] = {}

    def measure(
        self, phase: str, action: Callable[[], object], until: Callable[[], object], seconds: float = 300
    ) -> None:
        """Do something as a user does, and run the event loop until something has happened."""
        end = time.monotonic() + seconds
        clock, processor = time.perf_counter(), time.thread_time()
        action()
        done = False
        while not done and time.monotonic() < end:
            done = bool(until())
            self._process_events()
            now, used = time.perf_counter(), time.thread_time()
            before = self.longest.get(phase, (0.0, 0.0))
            self.longest[phase] = (max(before[0], now - clock), max(before[1], used - processor))
            clock, processor = now, used
            time.sleep(0.002)
            clock += 0.002


def random_model(folder: Path) -> None:
    """A model of random weights, made in another process: torch stays out of this one."""
    import subprocess

    code = (
        "import sys; from pathlib import Path; from LiverAILib.data.model import save_model\n"
        "from LiverAILib.methods.nowak2021.settings import CLASSES\n"
        "from LiverAILib.networks.classifier import ResNet50Classifier\n"
        "card = dict(name='random', method='nowak2021', description='Random weights.', modality=['MR'],"
        " classes=list(CLASSES), training_data='none', license='CC0-1.0', simulated=True,"
        " settings=dict(pipelines=['segmented'], primary_pipeline='segmented', image_size=64))\n"
        "network = ResNet50Classifier(len(CLASSES))\n"
        "save_model(Path(sys.argv[1]), card, {f'segmented.{k}': v for k, v in network.state_dict().items()})"
    )
    subprocess.run([sys.executable, "-c", code, str(folder / "random")], check=True, cwd=ROOT)


def main(size: str) -> None:
    columns, rows, slices = (int(part) for part in size.split("x"))
    models = Path(tempfile.mkdtemp(prefix="LiverAI-models-"))
    random_model(models)
    os.environ["LIVERAI_MODELS"] = str(models)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    import numpy as np
    import panel_window  # starts Qt

    start = time.perf_counter()
    ui = panel_window.open_panel(1500)
    print(f"opening the module: {time.perf_counter() - start:.3f} s")
    gaps = Gaps(panel_window.application.processEvents)
    idle = time.monotonic() + 12
    gaps.measure("idle, importing ahead", lambda: None, lambda: time.monotonic() > idle)

    from LiverAISlicer.nodes import imageFromVolumeNode, volumeNodeFromImage
    from LiverAISlicer.selftest import knownAssessment

    from LiverAILib.imaging.image import Image

    random = np.random.default_rng(0)
    array = random.normal(200, 40, (slices, rows, columns)).astype(np.int16)
    volume = volumeNodeFromImage(Image(array, (1.25, 1.25, 7.7), modality="MR"), "MR", panel_window.scene)
    panel = panel_window.panel
    known = panel.logic.write(volume, knownAssessment(imageFromVolumeNode(volume)))
    panel._parameterNode.inputVolume, panel._parameterNode.segmentation = volume, known.segmentationNode
    panel._parameterNode.model = "random"
    for run in ("first run", "second run, warm"):
        ui.statusLabel.text = ""
        gaps.measure(f"{run}: click on Apply", ui.applyButton.click, lambda: True)
        gaps.measure(f"{run}: computing", lambda: None, lambda: panel._run._steps is not None or panel_window.errors)
        gaps.measure(f"{run}: writing the result", lambda: None, lambda: not panel._run.isBusy or panel_window.errors)
    assert not panel_window.errors, panel_window.errors
    panel.cleanup()
    panel_window.settle()  # the process reports its end
    print(f"{'phase':45s} {'clock':>8s} {'processor':>10s}")
    for phase, (clock, processor) in gaps.longest.items():
        print(f"{phase:45s} {1000 * clock:5.0f} ms {1000 * processor:7.0f} ms")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "256x256x36")
