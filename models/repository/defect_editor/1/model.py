"""The defect editor in Triton: the tensors of `catalog.DEFECT_EDITOR`; all else is `iad_unify.serving`."""

import triton_python_backend_utils as pb_utils

from iad_unify.catalog import DEFECT_EDITOR
from iad_unify.serving import triton
from iad_unify.serving.defect_editor import DefectEditorService


class TritonPythonModel:
    """One instance, one edit at a time: frames differ in size."""

    def initialize(self, args):
        """Loads the checkpoint; what this raises is the reason that Triton gives for not serving the model."""
        self._service = DefectEditorService(
            triton.checkpoint(args, "defect_editor"),
            triton.checkpoint(args, "explainer", "explainer_checkpoint"),
            triton.threads(args),
            triton.device(args),
        )

    def execute(self, requests):
        """One answer per request, in order."""
        return [self._edit(request) for request in requests]

    def _edit(self, request):
        if request.is_cancelled():
            return triton.refusal(pb_utils, "cancelled", pb_utils.TritonError.CANCELLED)
        try:
            outputs = self._service.infer(triton.read(pb_utils, request, DEFECT_EDITOR))
        except Exception as error:  # reported to the client, whatever it is
            return triton.failure(pb_utils, error)
        return triton.response(pb_utils, outputs, DEFECT_EDITOR)
