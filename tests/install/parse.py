"""Prints what is in an engine's file, as one line of JSON with sorted keys: parse.py FILE"""
import json
import sys
import tomllib

name = sys.argv[1]
with open(name, "rb") as file:
    if name.endswith(".json"):
        value = json.load(file)
    elif name.endswith(".yaml"):
        import yaml

        value = list(yaml.safe_load_all(file))
    else:
        value = tomllib.load(file)
print(json.dumps(value, sort_keys=True))
