"""Pictures of a page: light, dark, narrow and Hebrew, in var/screenshots."""

from pathlib import Path

from playwright.async_api import Page, expect

FOLDER = Path(__file__).parents[2] / "var" / "screenshots"
NORMAL, NARROW, WIDE = ({"width": width, "height": 900} for width in (720, 320, 1280))


class Album:
    """Takes each picture four times."""

    def __init__(self, page: Page, address: str, token: str) -> None:
        self.page, self.address, self.headers = page, address, {"Authorization": f"Bearer {token}"}

    async def take(self, name: str) -> None:
        await self._shoot(f"{name}-light")
        await self.page.emulate_media(color_scheme="dark")
        await self._shoot(f"{name}-dark")
        await self.page.emulate_media(color_scheme="light")
        await self.page.set_viewport_size(NARROW)  # type: ignore[arg-type]
        await self._shoot(f"{name}-320")
        await self.page.set_viewport_size(NORMAL)  # type: ignore[arg-type]

    async def take_in_hebrew(self, name: str) -> None:
        """The agent prefers Hebrew for a moment; a page that is signed in hears of it."""
        await self._prefer("he")
        await self._shoot(f"{name}-he")
        await self._prefer("en")

    async def _prefer(self, language: str) -> None:
        answer = await self.page.request.put(
            f"{self.address}/desktop/preferences", headers=self.headers, data={"language": language}
        )
        assert answer.ok
        await expect(self.page.locator("html")).to_have_attribute("lang", language)

    async def _shoot(self, name: str) -> None:
        await self.page.screenshot(path=FOLDER / f"{name}.png", full_page=True)
