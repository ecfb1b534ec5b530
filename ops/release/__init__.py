"""
The release checklist, run by a script: `python -m ops.release`, or `make release`.

Covered:      what the tree must be like; building and checking wheel, sdist, client wheel and,
              where there is docker or podman, the image; a prediction by what was built; SBOM,
              checksums.
Not covered:  publishing. Nothing is signed, tagged or uploaded; the last lines say how.
"""
