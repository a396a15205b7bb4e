"""Reading a long CT series from DICOM, beside what GDCM alone takes (SimpleITK's ImageSeriesReader, file names included).

`python benchmarks/dicom_reading_benchmark.py [--slices 800] [--rounds 7]`

Both read the same files in one process, in turn and each first in every other round, after one that warms the disk cache.
The figure is LiverAI's time as a multiple of GDCM's in the same round. The limit that the project sets itself is 1.3. The peak
of resident memory is measured in a process of its own that reads the series once.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from alternating import Spread, alternate, ratios
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from LiverAILib.imaging.dicom import read_dicom

LIMIT = 1.3
PEAK = (
    "import resource, sys; from LiverAILib.imaging.dicom import read_dicom; size = read_dicom(sys.argv[1]).array.nbytes; "
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024) / 1e9, size / 1e9)"
)


def write_series(folder: Path, *, slices: int, size: int) -> None:
    """A CT series of noise with a header as long as scanners write it: 100 elements, a sequence and a private block."""
    pixels = np.random.default_rng(0).integers(0, 3000, (size, size)).astype(np.uint16)
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    names = np.random.default_rng(1).permutation(slices)
    for number in range(slices):
        made = Dataset()
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = CTImageStorage
        made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = generate_uid()
        made.StudyInstanceUID, made.SeriesInstanceUID, made.FrameOfReferenceUID = study, series, frame
        made.PatientID, made.PatientName, made.Modality = "benchmark", "Bench^Mark", "CT"
        made.SeriesDescription, made.SeriesNumber, made.InstanceNumber = "portal venous", 3, number + 1
        made.ImageType, made.AcquisitionNumber = ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"], 2
        made.StudyDate = made.SeriesDate = made.AcquisitionDate = made.ContentDate = "20240101"
        made.StudyTime = made.SeriesTime = "120000"
        made.AcquisitionTime = made.ContentTime = f"12{number // 60:02d}{number % 60:02d}.250000"
        made.ConvolutionKernel, made.KVP, made.ReconstructionDiameter = "B30f", 120, 360
        made.ImageOrientationPatient, made.PixelSpacing = [1, 0, 0, 0, 1, 0], [0.703125, 0.703125]
        made.ImagePositionPatient, made.SliceThickness = [-180, -180, -700 + 0.8 * number], 0.8
        made.SamplesPerPixel, made.PhotometricInterpretation, made.PixelRepresentation = 1, "MONOCHROME2", 0
        made.BitsAllocated, made.BitsStored, made.HighBit = 16, 12, 11
        made.RescaleSlope, made.RescaleIntercept, made.Rows, made.Columns = 1, -1024, size, size
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "10200004", "SCT", "Liver"
        made.AnatomicRegionSequence = [code]
        block = made.private_block(0x0019, "BENCHMARK", create=True)
        for element in range(60):
            block.add_new(element, "LO", f"private value {element}")
        made.PixelData = np.roll(pixels, number, 0).tobytes()
        made["PixelData"].VR = "OW"
        made.save_as(folder / f"{names[number]:06d}", enforce_file_format=True)


def read_by_gdcm(folder: Path) -> sitk.Image:
    """The volume as GDCM reads it through SimpleITK."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the series, time both readers, print the ratio with its spread and the peak of memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=800)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_series(folder, slices=args.slices, size=args.size)
        # First of all: a child process starts with the peak of its parent.
        command = [sys.executable, "-c", PEAK, str(folder)]
        peak, size = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        if not np.array_equal(sitk.GetArrayFromImage(read_by_gdcm(folder)), read_dicom(folder).array):
            raise SystemExit("LiverAI and GDCM read different voxels")
        seconds = alternate(
            {"GDCM": lambda: read_by_gdcm(folder), "LiverAI": lambda: read_dicom(folder)}, args.rounds, warm_up=False
        )
    for reader, found in seconds.items():
        print(f"{reader:8} {Spread.of(found).text()} s")
    ratio = ratios(seconds, "GDCM")["LiverAI"]
    print(
        f"{args.size} x {args.size} x {args.slices}, {args.rounds} rounds: LiverAI takes {ratio.text()} times what GDCM takes, "
        f"{'within' if ratio.median <= LIMIT else 'ABOVE'} the limit of {LIMIT}; median (minimum-maximum)"
    )
    print(f"peak {float(peak):.2f} GB resident for a volume of {float(size):.2f} GB")


if __name__ == "__main__":
    main()
