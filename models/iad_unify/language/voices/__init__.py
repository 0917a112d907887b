"""How defects are said in each language, in correct grammar; `claims` reads every sentence of theirs back exactly."""
