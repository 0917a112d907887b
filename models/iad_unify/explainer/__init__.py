"""The explainer: a Qwen3.5 language model that reads region tokens and answers questions about them in words.

It never sees a threshold, a camera or an event; whether its words are true is checked elsewhere (`language.verifier`).
"""
