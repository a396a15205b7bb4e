"""Images with their place in the patient: reading, writing, geometry and intensity. The ground floor of the library."""

from LiverAILib.imaging.image import Image

__all__ = ["Image"]
