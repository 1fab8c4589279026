"""The bridge into MMDetection 3.3, on any current PyTorch and without compiling anything.

A configuration names one module, and has everything that lies here:

    custom_imports = dict(imports=["tandemclip.downstream.detection.register"])
"""
