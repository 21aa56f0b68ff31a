{{- define "cache-cluster.name" -}}
{{ .Values.name | default .Release.Name }}
{{- end }}
