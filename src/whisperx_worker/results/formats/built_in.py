"""Table of the worker's own output formats. Plugins add theirs through `register_outputs`."""

from whisperx_worker.results.formats.output_format import OutputFormat
from whisperx_worker.results.formats.result_json import write_json
from whisperx_worker.results.formats.rttm import write_rttm
from whisperx_worker.results.formats.subtitles import write_srt, write_vtt
from whisperx_worker.results.formats.tsv import write_tsv
from whisperx_worker.results.formats.txt import write_txt

BUILT_IN_FORMATS = {
    output.name: output
    for output in (
        OutputFormat("json", ".json", write_json, "application/json"),
        OutputFormat("srt", ".srt", write_srt, "application/x-subrip"),
        OutputFormat("vtt", ".vtt", write_vtt, "text/vtt"),
        OutputFormat("txt", ".txt", write_txt, "text/plain"),
        OutputFormat("tsv", ".tsv", write_tsv, "text/tab-separated-values"),
        OutputFormat("rttm", ".rttm", write_rttm, "text/plain"),
    )
}
"""Formats by name."""
