"""Who writes strategies from a prompt: a server that speaks OpenAI's chat completions, or templates without any."""

from abaca_strategies.writing.choosing import writer_of
from abaca_strategies.writing.offline import TemplateWriter
from abaca_strategies.writing.protocol import StrategyWriter, Written
from abaca_strategies.writing.serving import ServedWriter

__all__ = ["ServedWriter", "StrategyWriter", "TemplateWriter", "Written", "writer_of"]
