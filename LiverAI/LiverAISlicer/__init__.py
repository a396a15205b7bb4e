"""The Slicer side of LiverAI: between MRML nodes and the types of `LiverAILib`. Only `qtprocess` needs Qt."""
