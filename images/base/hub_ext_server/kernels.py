"""A kernel whose state is true also after it died: from outside, a busy kernel is a server in use."""

from typing import Any

from jupyter_server.services.kernels.kernelmanager import ServerKernelManager


class RestartedKernel(ServerKernelManager):
    """jupyter_server's, which leaves a kernel that died in a cell "busy" until the new one says something.

    Python's says that it starts; R's says nothing before its first cell (jupyter_server 2.21).
    """

    async def restart_kernel(self, *arguments: Any, **options: Any) -> None:
        """Restart the process; the state is "starting" until the new one says another."""
        self.execution_state = "starting"
        await super().restart_kernel(*arguments, **options)
