"""Small helpers of the tests on a scene."""

from __future__ import annotations

import itertools

import numpy as np
import slicer
import slicer.util
import vtk


def rotation(x: float, y: float, z: float) -> np.ndarray:
    """3x3 rotation by degrees about x, then y, then z, from VTK."""
    transform = vtk.vtkTransform()
    transform.RotateZ(z)
    transform.RotateY(y)
    transform.RotateX(x)
    return slicer.util.arrayFromVTKMatrix(transform.GetMatrix())[:3, :3]


def add_volume(scene, array: np.ndarray, ijk_to_ras: np.ndarray, name: str = "volume"):
    """A scalar volume node in the scene."""
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(ijk_to_ras))
    slicer.util.updateVolumeFromArray(node, array)
    return node


def add_transform(scene, matrix: np.ndarray, parent=None):
    """A linear transform node in the scene, under `parent`."""
    node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "transform")
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    if parent is not None:
        node.SetAndObserveTransformNodeID(parent.GetID())
    return node


def affine(linear: np.ndarray, offset) -> np.ndarray:
    """4x4 of a 3x3 and an offset."""
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = linear, offset
    return result


def all_axis_orders() -> list[tuple[tuple[int, ...], tuple[bool, ...]]]:
    """The 48 ways to permute and flip three axes."""
    return list(itertools.product(itertools.permutations(range(3)), itertools.product((False, True), repeat=3)))


def reorder(array: np.ndarray, ijk_to_ras: np.ndarray, axes, flips) -> tuple[np.ndarray, np.ndarray]:
    """The same anatomy stored in another axis order: `array` (k, j, i) and its matrix, new axis n being old `axes[n]`."""
    size = array.shape[::-1]
    old_from_new = np.zeros((4, 4))
    old_from_new[3, 3] = 1
    for new, old in enumerate(axes):
        old_from_new[old, new] = -1 if flips[new] else 1
        old_from_new[old, 3] = size[old] - 1 if flips[new] else 0
    by_ijk = array.transpose(2, 1, 0).transpose(axes)
    by_ijk = np.flip(by_ijk, [axis for axis in range(3) if flips[axis]])
    return np.ascontiguousarray(by_ijk.transpose(2, 1, 0)), ijk_to_ras @ old_from_new


def world_of_voxel(node, ijk) -> np.ndarray:
    """World RAS of a voxel center, by VTK's own general transform, not by our matrices."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    point = matrix.MultiplyPoint([*[float(v) for v in ijk], 1.0])[:3]
    parent = node.GetParentTransformNode()
    if parent is not None:
        general = vtk.vtkGeneralTransform()
        parent.GetTransformToWorld(general)
        point = general.TransformPoint(point)
    return np.array(point)


def scene_text(scene) -> str:
    """All of the scene but the images' voxels, as its XML."""
    scene.SetSaveToXMLString(1)
    scene.Commit()
    return scene.GetSceneXMLString()


def let_read_mrb(scene, folder) -> None:
    """Set up what the application does, so that a scene can read .mrb files: a cache in `folder`, and nodes of its modules."""
    cache, manager = slicer.vtkCacheManager(), slicer.vtkDataIOManager()
    cache.SetMRMLScene(scene)
    cache.SetRemoteCacheDirectory(str(folder))
    manager.SetCacheManager(cache)
    scene.SetCacheManager(cache)
    scene.SetDataIOManager(manager)
    scene.RegisterNodeClass(slicer.vtkMRMLColorLegendDisplayNode())
