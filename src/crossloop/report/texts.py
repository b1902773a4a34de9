"""What a report says about a scenario; of `ScenarioAbout`, which a foreign journal does not carry."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ScenarioTexts:
    """Words about one scenario."""

    title: str
    question: str = ""
    unit: str = "operation"
    ladder: str = ""
    """The parameter that its sets climb (`ScenarioAbout.ladder`)."""

    @property
    def units(self) -> str:
        """The unit in the plural."""
        if self.unit.endswith("y") and self.unit[-2:-1] not in set("aeiou"):
            return self.unit[:-1] + "ies"
        return self.unit + "s"
