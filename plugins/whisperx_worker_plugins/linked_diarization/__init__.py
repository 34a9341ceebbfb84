"""Diarization pipeline of the shipped `demo-diarization` folder, loaded by pyannote.audio.

No plugin: a model folder's `config.yaml` names `pipeline.LinkedSpeakerDiarization`, and pyannote.audio imports it.

windows of the segmentation model → local_tracks (link local speakers, cut pieces) → embeddings of pieces
→ clustering (Ward) → assignment (speaker of each piece, activity of each speaker) → turns
"""
