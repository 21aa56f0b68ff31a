{{/* Name of everything in the release: the release's name, with "scrubjay" in it. */}}
{{- define "scrubjay.fullname" -}}
{{- if contains "scrubjay" .Release.Name }}{{ .Release.Name | trunc 53 | trimSuffix "-" }}{{ else }}{{ printf "%s-scrubjay" .Release.Name | trunc 53 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* The labels by which the operator's pods are found. */}}
{{- define "scrubjay.selectorLabels" -}}
app.kubernetes.io/name: scrubjay-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The labels on everything. */}}
{{- define "scrubjay.labels" -}}
{{ include "scrubjay.selectorLabels" . }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: scrubjay
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "scrubjay.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "scrubjay.fullname" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{/* repository:tag of an image, the tag being the chart's appVersion if none is given. */}}
{{- define "scrubjay.image" -}}
{{- printf "%s:%s" .image.repository (.image.tag | default .root.Chart.AppVersion) }}
{{- end }}
