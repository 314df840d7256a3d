"""Lints the chart of a folder with values, and prints as JSON what it makes of them.

    python render_chart.py FOLDER VALUES.json NAMESPACE

{"findings": [...], "documents": {path: text}} or {"refused": text}
"""

import json
import sys

import helm_python

folder, values, namespace = sys.argv[1:]
with open(values, encoding="utf-8") as file:
    values = json.load(file)
try:
    with helm_python.Chart.load(folder) as chart:
        documents = chart.render(values, name="gatehouse", namespace=namespace)
except helm_python.HelmError as error:
    print(json.dumps({"refused": str(error)}))
    sys.exit()
report = helm_python.lint(folder, values, strict=True, namespace=namespace)
# 1 is for information: that there is no icon.
findings = [message for message in report["messages"] if message["severity"] > 1]
print(json.dumps({"findings": findings, "documents": documents}))
