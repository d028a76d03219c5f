// Cuts the frame of a face out of a photo, and adds the change of a frame to a photo: a thread a pixel.
//
// The operations are those of face/_resample.c and face/_paste.c in the same order, each rounded as it is there, so
// the pixels are the same to the last bit. Positions are the sum of a term of the column and one of the row, float64.
// make_ptx.py compiles this file to pixel_kernels.ptx; commit both together.

typedef unsigned char Byte;

enum { RGB = 3, CODES = 256 };

// The position along + start, rounded to steps of 1/32 px.
static __device__ float step_at(double along, double start) {
  return (float)__dmul_rn(rint(__dmul_rn(__dadd_rn(along, start), 32.0)), 1.0 / 32.0);
}

static __device__ float within_reach(float at) { return fmaxf(fminf(at, 1e6f), -1e6f); }

static __device__ int limited(int at, int length) { return at < 0 ? 0 : at >= length ? length - 1 : at; }

static __device__ Byte code_of(int value) { return (Byte)(value < 0 ? 0 : value > 255 ? 255 : value); }

// The weights of four samples around a position (Keys 1981, a = -0.75); returns its floor.
static __device__ int weigh(float position, float *weights) {
  const float at = within_reach(position), below = floorf(at), x = __fsub_rn(at, below), rest = __fsub_rn(1.0f, x);
  const float xx = __fmul_rn(x, x);
  weights[0] = __fmul_rn(-0.75f, __fmul_rn(x, __fmul_rn(rest, rest)));
  weights[1] = __fmaf_rn(__fmaf_rn(1.25f, x, -2.25f), xx, 1.0f);
  weights[3] = __fmul_rn(-0.75f, __fmul_rn(xx, rest));
  weights[2] = __fsub_rn(__fsub_rn(__fsub_rn(1.0f, weights[0]), weights[1]), weights[3]);
  return (int)below;
}

// Blocks (width / blockDim.x, height): a row of ``out``, Byte [height, width, 3], each. ``photo`` has ``wide`` columns,
// every ``across_bytes``, and ``tall`` rows, every ``down_bytes``; its edges are repeated. ``along`` is [2, width],
// ``starts`` [2, height], in px from ``origins`` [height, 2], a column and a row of the photo.
extern "C" __global__ void warp_frame(const Byte *photo, int across_bytes, int down_bytes, int wide, int tall,
                                      const double *along, const double *starts, const int *origins, Byte *out,
                                      int width, int height) {
  const int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y;
  if (column >= width) return;
  float across[4], down[4], total[RGB];
  const int left = weigh(step_at(along[column], starts[row]), across) + origins[2 * row];
  const int top = weigh(step_at(along[width + column], starts[height + row]), down) + origins[2 * row + 1];
  for (int r = 0; r < 4; r++) {
    const Byte *line = photo + (long long)limited(top - 1 + r, tall) * down_bytes;
    float sum[RGB];
    for (int c = 0; c < 4; c++) {
      const Byte *at = line + (long long)limited(left - 1 + c, wide) * across_bytes;
      for (int i = 0; i < RGB; i++)
        sum[i] = c ? __fmaf_rn((float)at[i], across[c], sum[i]) : __fmul_rn((float)at[i], across[c]);
    }
    for (int i = 0; i < RGB; i++)
      total[i] = r ? __fmaf_rn(sum[i], down[r], total[i]) : __fmul_rn(sum[i], down[r]);
  }
  for (int i = 0; i < RGB; i++)
    out[((size_t)row * width + column) * RGB + i] = code_of(__float2int_rn(total[i]));
}

// Blocks (width / blockDim.x, height): a row each of ``before`` and ``after``, Byte [height, width, 3], ``mask``
// [height, width] and ``out`` [height, width, 4]. ``weights`` are those of the middle of three channels, of the
// largest one, 256 each, and the strength.
extern "C" __global__ void weigh_change(const Byte *before, const Byte *after, const float *mask,
                                        const float *weights, float *out, int width) {
  const int column = blockIdx.x * blockDim.x + threadIdx.x;
  if (column >= width) return;
  const size_t at = (size_t)blockIdx.y * width + column;
  const Byte *code = before + at * RGB;
  const int low = code[0] < code[1] ? code[0] : code[1], high = code[0] < code[1] ? code[1] : code[0];
  const int upper = high < code[2] ? high : code[2], middle = low > upper ? low : upper;
  const int largest = high > code[2] ? high : code[2];
  const float exposure = __fmul_rn(weights[middle], weights[CODES + largest]), strength = weights[2 * CODES];
  for (int i = 0; i < RGB; i++) {
    const float weighted = __fmul_rn((float)(after[at * RGB + i] - code[i]), exposure);
    out[at * 4 + i] = __fmul_rn(__fmul_rn(weighted, strength), mask[at]);
  }
  out[at * 4 + 3] = mask[at];
}

static __device__ float between(float one, float other, float share) {
  return __fmaf_rn(share, __fsub_rn(other, one), one);
}

// A value of channel ``i`` of ``change``, 0 outside it.
static __device__ float change_at(const float *change, int wide, int tall, int column, int row, int i) {
  return column < 0 || row < 0 || column >= wide || row >= tall ? 0.0f
                                                               : change[((size_t)row * wide + column) * 4 + i];
}

// Blocks (width / blockDim.x, height): a row of ``out``, Byte [height, width, 3], each: that of ``photo``, whose columns
// and rows begin every ``across_bytes`` and ``down_bytes``, and which may be ``out``. Bilinear samples of ``change``
// [tall, wide, 4] are added where that of the fourth channel is above 0; positions are as in warp_frame.
extern "C" __global__ void add_change(const float *change, int wide, int tall, const double *along,
                                      const double *starts, const Byte *photo, int across_bytes, int down_bytes,
                                      Byte *out, int width, int height) {
  const int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y;
  if (column >= width) return;
  const float x = within_reach(step_at(along[column], starts[row]));
  const float y = within_reach(step_at(along[width + column], starts[height + row]));
  const float left = floorf(x), upper = floorf(y), right = __fsub_rn(x, left), lower = __fsub_rn(y, upper);
  float sum[4];
  for (int i = 0; i < 4; i++) {
    const int c = (int)left, r = (int)upper;
    const float above = between(change_at(change, wide, tall, c, r, i), change_at(change, wide, tall, c + 1, r, i), right);
    const float below = between(change_at(change, wide, tall, c, r + 1, i),
                                change_at(change, wide, tall, c + 1, r + 1, i), right);
    sum[i] = between(above, below, lower);
  }
  const Byte *from = photo + (long long)row * down_bytes + (long long)column * across_bytes;
  Byte *to = out + ((size_t)row * width + column) * RGB;
  for (int i = 0; i < RGB; i++) to[i] = sum[3] > 0.0f ? code_of(from[i] + __float2int_rn(sum[i])) : from[i];
}
