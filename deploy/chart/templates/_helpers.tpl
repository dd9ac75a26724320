{{- define "moorage.name" -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- end }}

{{- define "moorage.selector" -}}
app.kubernetes.io/name: moorage
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "moorage.labels" -}}
{{ include "moorage.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "moorage.secret" -}}
{{- .Values.existingSecret | default (include "moorage.name" .) -}}
{{- end }}

{{- define "moorage.directories" -}}
{{- if or .Values.directories.existingSecret .Values.directories.toml -}}
{{- .Values.directories.existingSecret | default (printf "%s-directories" (include "moorage.name" .)) -}}
{{- end -}}
{{- end }}

{{- define "moorage.port" -}}
{{- ternary "https" "http" (ne .Values.tls.existingSecret "") -}}
{{- end }}

{{- define "moorage.host" -}}
{{- (urlParse .Values.externalUrl).host -}}
{{- end }}

{{- /* What must fit together; the schema says what each value may be. */ -}}
{{- define "moorage.check" -}}
{{- $_ := required "externalUrl is needed: how clients reach Moorage, as https://proget.example.org" .Values.externalUrl -}}
{{- $_ := required "image.repository is needed: where the image of Moorage lies, as proget.example.org/dmc/moorage" .Values.image.repository -}}
{{- $_ := required "storage.url is needed: the bucket, as s3://BUCKET/PREFIX" .Values.storage.url -}}
{{- if not .Values.existingSecret -}}
{{- if not .Values.database.url -}}
{{- fail "database.url is needed, or existingSecret with the key database-url" -}}
{{- end -}}
{{- if not (and .Values.storage.accessKeyId .Values.storage.secretAccessKey) -}}
{{- fail "storage.accessKeyId and storage.secretAccessKey are needed, or existingSecret with the keys s3-access-key-id and s3-secret-access-key" -}}
{{- end -}}
{{- else if or .Values.database.url .Values.storage.accessKeyId .Values.storage.secretAccessKey .Values.admin.password -}}
{{- fail "existingSecret holds all secrets: leave out database.url, storage.accessKeyId, storage.secretAccessKey and admin.password" -}}
{{- end -}}
{{- if and .Values.directories.toml .Values.directories.existingSecret -}}
{{- fail "directories.toml and directories.existingSecret say the same thing: keep one of them" -}}
{{- end -}}
{{- if and .Values.ingress.enabled .Values.tls.existingSecret -}}
{{- fail "tls.existingSecret lets pods speak HTTPS themselves, and the Ingress speaks HTTP to them: set ingress.enabled to false, or leave tls.existingSecret out" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (contains ":" (include "moorage.host" .)) -}}
{{- fail "an Ingress answers at the usual port: leave the port out of externalUrl, or set ingress.enabled to false" -}}
{{- end -}}
{{- end }}
