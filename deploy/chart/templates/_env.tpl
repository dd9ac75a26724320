{{- /* Every setting of a server: secrets by the files they are in, as docs/settings.md has it. */ -}}
{{- define "moorage.env" -}}
{{- $secret := "/run/secrets/moorage" -}}
- {name: MOORAGE_EXTERNAL_URL, value: {{ .Values.externalUrl | quote }}}
- {name: MOORAGE_WORKERS, value: {{ .Values.workers | quote }}}
- {name: MOORAGE_DRAIN, value: {{ .Values.drainSeconds | int64 | quote }}}
- {name: MOORAGE_DATABASE_URL_FILE, value: {{ $secret }}/database-url}
- {name: MOORAGE_STORAGE_URL, value: {{ .Values.storage.url | quote }}}
- {name: MOORAGE_S3_ENDPOINT, value: {{ .Values.storage.endpoint | quote }}}
- {name: MOORAGE_S3_REGION, value: {{ .Values.storage.region | quote }}}
- {name: MOORAGE_S3_ACCESS_KEY_ID_FILE, value: {{ $secret }}/s3-access-key-id}
- {name: MOORAGE_S3_SECRET_ACCESS_KEY_FILE, value: {{ $secret }}/s3-secret-access-key}
- {name: MOORAGE_TRUSTED_PROXIES, value: {{ join "," .Values.trustedProxies | quote }}}
# Not every Secret has one: a missing key is no variable, and an empty variable no setting.
- name: MOORAGE_ADMIN_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ include "moorage.secret" . }}, key: admin-password, optional: true}
{{- if .Values.tls.existingSecret }}
- {name: MOORAGE_HTTPS, value: "0.0.0.0:5080"}
- {name: MOORAGE_HTTP, value: "off"}
- {name: MOORAGE_TLS_CERT, value: /run/secrets/tls/tls.crt}
- {name: MOORAGE_TLS_KEY, value: /run/secrets/tls/tls.key}
{{- else }}
- {name: MOORAGE_HTTPS, value: "off"}
- {name: MOORAGE_HTTP, value: "0.0.0.0:5080"}
- {name: MOORAGE_INSECURE_HTTP, value: "true"}
{{- end }}
{{- if include "moorage.directories" . }}
- {name: MOORAGE_DIRECTORIES, value: /run/secrets/directories/directories.toml}
{{- end }}
{{- range $name, $value := .Values.settings }}
- {name: MOORAGE_{{ upper $name }}, value: {{ kindIs "float64" $value | ternary ($value | int64) $value | toString | quote }}}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
