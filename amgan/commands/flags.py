"""What the command line calls the parameters that sentences of the runtime name."""

from __future__ import annotations

FLAGS = {
    "inputs": "INPUT",
    "output": "OUT",
    "gallery": "--gallery",
    "device": "--device",
    "engine": "--engine",
    "workers": "--workers",
    "ray_address": "--ray-address",
    "memory_bytes": "--limit-memory",
    "threads": "--jobs",
    "min_face_px": "--min-face",
    "include_children": "--include-children",
    "end": "--end",
    "list_people": "--list-faces",
    "codec": "--codec",
    "quality": "--quality",
}


def in_terms_of_flags(sentence: str) -> str:
    """A sentence of the runtime, which names its parameters in backquotes, for who types options."""
    for name, flag in FLAGS.items():
        sentence = sentence.replace(f"`{name}`", flag)
    return sentence
