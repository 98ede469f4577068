"""`hub-ext setup`: everything but the Hub; and the way back."""

from __future__ import annotations

import shutil

from traitlets import Bool

from hub_ext.cli.app import Command, UsageError
from hub_ext.cli.setup import content, instance, teardown
from hub_ext.cli.setup.images import LATEST
from hub_ext.cli.setup.layout import Layout, state_dir
from hub_ext.cli.setup.steps import Steps
from hub_ext.errors import HubExtError


class Setup(Command):
    """Prepare the instance of this state: network, registry, images, store and demo content.

    Safe to repeat: what is there is kept. With --only-images it works beside a running instance too.
    The state lies in HUB_EXT_STATE, by default .state in the checkout.
    """

    examples = """
        hub-ext setup
        hub-ext setup --only-images
        hub-ext setup --remove-with-homes
    """
    only_images = Bool(False, help="Stop once the images are built and pushed.").tag(option=True)
    remove_with_homes = Bool(
        False, help="Remove the instance: its containers, its volumes with all homes, its network, its state."
    ).tag(option=True)

    def run(self) -> int:
        """Prepare, or remove. Raises HubExtError."""
        layout, say = Layout(state_dir()), Steps()
        if self.remove_with_homes:
            if self.only_images:
                raise UsageError("--only-images and --remove-with-homes exclude each other.", self.typed)
            return _remove(layout)
        if self.only_images:
            with instance.for_images(layout, say) as ready:
                _, built = content.ensure_images(ready, say, own=True)
            print(told(built))
            return 0
        with instance.prepared(layout, instance.configured_url(layout), say) as ready:
            ready, built = content.ensure_images(ready, say)
            content.ensure_demo(ready, built, say)
        say("Done")
        return 0


def told(built: content.Built) -> str:
    """What became of each image, and what to do with those that are new."""
    width = max(len(slug) for slug in built)
    lines = []
    for slug, image in built.items():
        became = f"pushed as {image.reference.path}:{LATEST}" if image.pushed else "unchanged"
        lines.append(f"{slug.ljust(width)}  {became}")
    new = [slug for slug, image in built.items() if image.pushed and image.recipe.listed]
    if new:
        lines += [
            f"Next, for {', '.join(new)}: `hub-ext catalogue add` where it is not in the catalogue yet,",
            "`hub-ext catalogue refresh` where it is; then `hub-ext catalogue publish`.",
        ]
    elif not any(image.pushed for image in built.values()):
        lines.append("No recipe has changed: nothing was built.")
    return "\n".join(lines)


def _remove(layout: Layout) -> int:
    for name in teardown.remove_instances(layout):
        print(f"Removed {name}")
    print(f"Removing {layout.state}, which may take a minute", flush=True)
    try:
        if layout.state.exists():
            shutil.rmtree(layout.state)
    except OSError as error:
        raise HubExtError(f"{layout.state} cannot be removed whole: {error}.") from error
    print(f"Removed {layout.state}")
    return 0
