"""The region expert in Triton: the tensors of `catalog.REGION_EXPERT`; all else is `iad_unify.serving`."""

from pathlib import Path

import triton_python_backend_utils as pb_utils

from iad_unify.catalog import REGION_EXPERT
from iad_unify.serving import triton
from iad_unify.serving.region_expert import RegionExpertService


class TritonPythonModel:
    """One instance; Triton calls it from one thread with the requests that it batched."""

    def initialize(self, args):
        """Loads the checkpoint; what this raises is the reason that Triton gives for not serving the model."""
        exported = triton.parameter(args, "exported")
        self._service = RegionExpertService(
            triton.checkpoint(args, "region_expert"),
            triton.threads(args),
            triton.device(args),
            triton.parameter(args, "runtime", "auto"),
            Path(exported) if exported else None,
            pb_utils,
            references=triton.folder(args, "references"),
        )
        self._service.warm_up()
        pb_utils.Logger.log_info(f"the region expert's network runs in {self._service.runtime}")

    def execute(self, requests):
        """One answer per request, in order. A request of more than one frame keeps its batch dimension."""
        answers = {}
        wanted = []
        for index, request in enumerate(requests):
            if request.is_cancelled():
                answers[index] = triton.refusal(pb_utils, "cancelled", pb_utils.TritonError.CANCELLED)
            else:
                wanted.append((index, triton.read(pb_utils, request, REGION_EXPERT)))
        for (index, _), answer in zip(wanted, self._infer([tensors for _, tensors in wanted]), strict=True):
            answers[index] = answer
        return [answers[index] for index in range(len(requests))]

    def _infer(self, batches):
        if not batches:
            return []
        try:
            outputs = self._service.infer(triton.stack(batches))
        except Exception as error:  # reported to the client; a batch that broke tells nothing of its single frames
            if len(batches) == 1:
                return [triton.failure(pb_utils, error)]
            return [answer for batch in batches for answer in self._infer([batch])]
        parts = triton.split(outputs, [len(batch["IMAGE"]) for batch in batches])
        return [triton.response(pb_utils, part, REGION_EXPERT) for part in parts]
