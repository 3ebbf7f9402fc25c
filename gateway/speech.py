"""How a node speaks, and what it could understand: its voices, prompts and recognisers, by configuration."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from gateway.config import Settings, SpeechSettings
from gateway.dialplan.faults import Fault
from gateway.dialplan.model import Plan
from gateway.dialplan.nodes import GatherNode, MenuNode, Node
from gateway.errors import StartupError
from media.prompts.cache import PromptCache, PromptSourced
from media.speech.engines import ENGINES
from media.speech.espeak import EspeakSettings, EspeakSynthesiser
from media.speech.piper import DEFAULT_VOICES as PIPER_VOICES
from media.speech.piper import PiperSynthesiser
from media.speech.synthesiser import Synthesiser, SynthesisError
from media.speech.voices import Voices
from monitoring.metrics import Metrics

log = structlog.get_logger(__name__)


def engine_problems(settings: SpeechSettings) -> list[str]:
    """What is wrong with the engines that the configuration names: unknown, not installed, the wrong
    language.
    """
    problems: list[str] = []
    for language, names in settings.recognisers.items():
        for name in names:
            engine = ENGINES.get(name)
            if engine is None:
                problems.append(
                    f"speech.recognisers: there is no '{name}'; there are {', '.join(sorted(ENGINES))}"
                )
            elif language.partition("-")[0] not in engine.languages:
                known = ", ".join(sorted(engine.languages))
                problems.append(f"speech.recognisers: '{name}' understands {known}, not {language}")
            elif engine.missing:
                problems.append(
                    f"speech.recognisers: '{name}' lacks {', '.join(engine.missing)}; "
                    f"install it with: {engine.install}"
                )
    return problems


def unheard(plan: Plan, settings: SpeechSettings) -> list[Fault]:
    """A warning for each node that asks for speech which nothing here understands: callers use keys there."""
    usable = usable_engines(settings)
    known = "; engines by language are speech.recognisers, and new ones are rows of media/speech/engines.py"
    found: list[Fault] = []
    for flow in plan.flows.values():
        for node in flow.nodes.values():
            wanted = _listened_for(node, flow.languages or (flow.language,))
            for language, is_open in sorted(wanted):
                names = usable.get(language) or usable.get(language.partition("-")[0], ())
                if not any(ENGINES[name].open_answers or not is_open for name in names):
                    what = "spoken answers" if is_open else "phrases"
                    problem = f"nothing here understands {what} in '{language}', so callers use keys{known}"
                    found.append(Fault.warning(node.at, problem))
    return found


def _listened_for(node: Node, languages: Sequence[str]) -> set[tuple[str, bool]]:
    """The languages that a node listens for, and whether it wants more than given phrases."""
    if isinstance(node, MenuNode):
        return {(phrase.language, False) for phrase in node.phrases}
    if isinstance(node, GatherNode) and node.speech is not None:
        return {(language, node.speech.answer != "yes_no") for language in languages}
    return set()


def usable_engines(settings: SpeechSettings) -> dict[str, Sequence[str]]:
    usable = {
        language: [
            name
            for name in names
            if name in ENGINES
            and not ENGINES[name].missing
            and language.partition("-")[0] in ENGINES[name].languages
        ]
        for language, names in settings.recognisers.items()
    }
    return {language: names for language, names in usable.items() if names}


async def voices(settings: SpeechSettings) -> Voices:
    """Who speaks each language. Raises StartupError when a chosen engine or voice isn't there."""
    try:
        usual = await _synthesiser(settings.engine, settings)
        others = {
            language: await _synthesiser(name, settings)
            for language, name in settings.engines.items()
            if name != settings.engine
        }
    except SynthesisError as error:
        raise StartupError(f"no voice for the prompts: {error}") from error
    return Voices(usual, others, lambda error: log.warning("voice_replaced", error=str(error)))


async def _synthesiser(name: str, settings: SpeechSettings) -> Synthesiser:
    if name == "piper":
        spoken = {tag for tag, engine in settings.engines.items() if engine == "piper"} or set(PIPER_VOICES)
        chosen = {tag: voice for tag, voice in settings.voices.items() if tag in spoken}
        return PiperSynthesiser({**{tag: v for tag, v in PIPER_VOICES.items() if tag in spoken}, **chosen})
    piper = {tag for tag, engine in settings.engines.items() if engine == "piper"}
    chosen = {tag: voice for tag, voice in settings.voices.items() if tag not in piper}
    return await EspeakSynthesiser.detect(EspeakSettings(voices={**EspeakSettings().voices, **chosen}))


async def prompt_cache(settings: Settings, rate: int, metrics: Metrics | None = None) -> PromptCache:
    """The node's prompts, at the bridge's `rate`. Raises StartupError when nobody can speak them."""

    def sourced(source: PromptSourced, took_s: float) -> None:
        if metrics is not None:
            metrics.prompt_sourced(source.value, took_s)

    return PromptCache(
        settings.data_dir / "prompts",
        await voices(settings.speech),
        rate,
        on_store_error=lambda path, error: log.error("prompt_not_kept", file=str(path), error=str(error)),
        observe=sourced,
    )
