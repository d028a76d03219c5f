# The page and the API of `amgan serve` on a CPU. See docs/serve.md.
FROM python:3.12-slim
COPY . /src
RUN pip install --no-cache-dir "/src[serve,heif,progressive]" && rm -rf /src && useradd --create-home amgan
USER amgan
EXPOSE 7860
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz')"]
# Needs AMGAN_TOKEN, and AMGAN_ALLOW_HOST where it is called by a name.
CMD ["amgan", "serve", "--host", "0.0.0.0", "--port", "7860", "--device", "cpu"]
