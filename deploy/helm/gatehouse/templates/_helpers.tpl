{{- define "gatehouse.name" -}}
{{- if contains "gatehouse" .Release.Name -}}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{- else -}}{{ printf "%s-gatehouse" (.Release.Name | trunc 40) }}{{- end -}}
{{- end -}}

{{- define "gatehouse.selector" -}}
app.kubernetes.io/name: gatehouse
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "gatehouse.labels" -}}
{{ include "gatehouse.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- define "gatehouse.image" -}}
{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end -}}

{{- define "gatehouse.host" -}}
{{- (urlParse .Values.issuer).hostname -}}
{{- end -}}

{{/* What the server and the migration are told. */}}
{{- define "gatehouse.env" -}}
- name: GATEHOUSE_LISTEN
  value: 0.0.0.0:8000
- name: GATEHOUSE_ISSUER
  value: {{ .Values.issuer | quote }}
- name: GATEHOUSE_TRUSTED_PROXIES
  value: {{ join "," .Values.trustedProxies | quote }}
- name: GATEHOUSE_LOG_FORMAT
  value: {{ .Values.settings.log_format | default "json" | quote }}
- name: GATEHOUSE_DATABASE_POOL_SIZE
  value: {{ .Values.databasePoolSize | quote }}
- name: GATEHOUSE_SHUTDOWN_DELAY
  value: {{ printf "%ds" (int .Values.shutdownDelaySeconds) | quote }}
{{- if .Values.metrics.enabled }}
- name: GATEHOUSE_METRICS_LISTEN
  value: {{ printf "0.0.0.0:%d" (int .Values.metrics.port) | quote }}
{{- end }}
{{- range $key, $value := omit .Values.settings "log_format" }}
- name: GATEHOUSE_{{ upper $key }}
  value: {{ include "gatehouse.plain" $value | quote }}
{{- end }}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.existingSecret }}
      key: database_url
- name: APP_SECRET_FILE
  value: /run/secrets/gatehouse/app_secret
{{- if .Values.adminToken }}
- name: ADMIN_TOKEN_FILE
  value: /run/secrets/gatehouse/admin_token
{{- end }}
{{- range without .Values.secretFiles "database_ca" }}
- name: {{ if not (hasPrefix "app_secret" .) }}GATEHOUSE_{{ end }}{{ upper . }}_FILE
  value: /run/secrets/gatehouse/{{ . }}
{{- end }}
{{- end -}}

{{/* A value as people write it: numbers come from YAML as floats, and a million would be 1e+06. */}}
{{- define "gatehouse.plain" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- end -}}

{{- define "gatehouse.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "gatehouse.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "gatehouse.volumeMounts" -}}
- name: secrets
  mountPath: /run/secrets/gatehouse
  readOnly: true
# The image has a volume for SQLite here. Over another database the server writes nothing.
- name: nothing
  mountPath: /data
  readOnly: true
{{- end -}}

{{- define "gatehouse.volumes" -}}
- name: secrets
  secret:
    secretName: {{ .Values.existingSecret }}
    # 0440, as YAML of every age reads it
    defaultMode: 288
    items:
      - key: app_secret
        path: app_secret
      {{- if .Values.adminToken }}
      - key: admin_token
        path: admin_token
      {{- end }}
      {{- range .Values.secretFiles }}
      - key: {{ . }}
        path: {{ . }}
      {{- end }}
- name: nothing
  emptyDir:
    sizeLimit: 1Mi
{{- end -}}
