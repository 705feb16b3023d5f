// Lanes: WIDTH doubles that are added, multiplied and compared together.
//
// GCC and clang turn their vector extension into whatever registers the target has; elsewhere an
// array with loops for operators does the same work more slowly. Included inside the namespace of
// one instruction set, so that no function compiled for one is ever called from another.

#if defined(__GNUC__) && !defined(SKGMM_PLAIN_LANES)

typedef double Lanes __attribute__((vector_size(8 * SKGMM_WIDTH), may_alias));
typedef std::int64_t Bits __attribute__((vector_size(8 * SKGMM_WIDTH), may_alias));

inline Lanes spread(double value) { return value - Lanes{}; }
inline Lanes larger(Lanes a, Lanes b) { return a > b ? a : b; }
inline Lanes smaller(Lanes a, Lanes b) { return a < b ? a : b; }
// `value` where `x` is at least `limit`, else another one.
inline Lanes where_at_least(Lanes x, Lanes limit, Lanes value, Lanes otherwise = Lanes{}) {
    return x >= limit ? value : otherwise;
}
inline Bits bits_of(Lanes x) { return reinterpret_cast<Bits&>(x); }
inline Lanes from_bits(Bits x) { return reinterpret_cast<Lanes&>(x); }
inline Bits spread_bits(std::int64_t value) { return value - Bits{}; }
// The sum modulo 2^64.
inline Bits wrapped_sum(Bits a, Bits b) {
    typedef std::uint64_t Words __attribute__((vector_size(8 * SKGMM_WIDTH), may_alias));
    Words words = reinterpret_cast<Words&>(a) + reinterpret_cast<Words&>(b);
    return reinterpret_cast<Bits&>(words);
}

#else

template <typename T>
struct Pack {
    T lane[SKGMM_WIDTH];
    T operator[](int i) const { return lane[i]; }
    T& operator[](int i) { return lane[i]; }
};
typedef Pack<double> Lanes;
typedef Pack<std::int64_t> Bits;

#define SKGMM_EACH(Type, expression)                              \
    Type result;                                                  \
    for (int i = 0; i < SKGMM_WIDTH; ++i) result[i] = expression; \
    return result
#define SKGMM_OPERATOR(Type, symbol) \
    inline Type operator symbol(Type a, Type b) { SKGMM_EACH(Type, a[i] symbol b[i]); }
SKGMM_OPERATOR(Lanes, +)
SKGMM_OPERATOR(Lanes, -)
SKGMM_OPERATOR(Lanes, *)
SKGMM_OPERATOR(Lanes, /)
SKGMM_OPERATOR(Bits, +)
SKGMM_OPERATOR(Bits, -)
#undef SKGMM_OPERATOR
inline Bits operator<<(Bits a, int n) {
    SKGMM_EACH(Bits, static_cast<std::int64_t>(static_cast<std::uint64_t>(a[i]) << n));
}
inline Bits operator>>(Bits a, int n) { SKGMM_EACH(Bits, a[i] >> n); }
inline Lanes& operator+=(Lanes& a, Lanes b) { return a = a + b; }
inline Lanes spread(double value) { SKGMM_EACH(Lanes, value); }
inline Lanes larger(Lanes a, Lanes b) { SKGMM_EACH(Lanes, a[i] > b[i] ? a[i] : b[i]); }
inline Lanes smaller(Lanes a, Lanes b) { SKGMM_EACH(Lanes, a[i] < b[i] ? a[i] : b[i]); }
inline Lanes where_at_least(Lanes x, Lanes limit, Lanes value, Lanes otherwise = Lanes{}) {
    SKGMM_EACH(Lanes, x[i] >= limit[i] ? value[i] : otherwise[i]);
}
inline Bits bits_of(Lanes x) {
    Bits result;
    std::memcpy(&result, &x, sizeof x);
    return result;
}
inline Lanes from_bits(Bits x) {
    Lanes result;
    std::memcpy(&result, &x, sizeof x);
    return result;
}
inline Bits spread_bits(std::int64_t value) { SKGMM_EACH(Bits, value); }
inline Bits wrapped_sum(Bits a, Bits b) {
    SKGMM_EACH(Bits, static_cast<std::int64_t>(static_cast<std::uint64_t>(a[i]) +
                                               static_cast<std::uint64_t>(b[i])));
}
#undef SKGMM_EACH

#endif

// The same value, which the compiler must keep in a register: it would otherwise load it again from
// memory for each of its uses, and loads are what limits the sums of products.
#if defined(__GNUC__) && !defined(SKGMM_PLAIN_LANES) && defined(__AVX__)
inline Lanes held(Lanes x) {
#ifdef __AVX512F__
    __asm__("" : "+v"(x));
#else
    __asm__("" : "+x"(x));
#endif
    return x;
}
#else
inline Lanes held(Lanes x) { return x; }
#endif

// In front of a loop over a register tile: its registers have no names unless it is unrolled.
#if defined(__GNUC__)
#define SKGMM_UNROLL _Pragma("GCC unroll 16")
#else
#define SKGMM_UNROLL
#endif

inline Lanes load(const double* from) { return *reinterpret_cast<const Lanes*>(from); }
inline void store(double* to, Lanes value) { *reinterpret_cast<Lanes*>(to) = value; }

// Sum over the lanes, in a fixed order.
inline double sum(Lanes x) {
#if SKGMM_WIDTH == 8
    return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
#elif SKGMM_WIDTH == 4
    return (x[0] + x[2]) + (x[1] + x[3]);
#else
    return x[0] + x[1];
#endif
}

// GCC before 12 cannot shuffle the lanes of a register into one of another size.
#if SKGMM_WIDTH == 8 && !defined(SKGMM_PLAIN_LANES) && \
    (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 12))
#define SKGMM_HALVES
typedef double Four __attribute__((vector_size(32), aligned(8), may_alias));
inline Four halved(Lanes x) {
    return __builtin_shufflevector(x, x, 0, 1, 2, 3) + __builtin_shufflevector(x, x, 4, 5, 6, 7);
}
inline Four paired(Four x, Four y) {
    return __builtin_shufflevector(x, y, 0, 4, 2, 6) + __builtin_shufflevector(x, y, 1, 5, 3, 7);
}
#endif

// Adds the sums over lanes of four registers to four numbers in a row.
inline void add_four_sums(Lanes a, Lanes b, Lanes c, Lanes d, double* out) {
#ifdef SKGMM_HALVES
    // Half the lanes are added at each step, two registers becoming one: half the instructions.
    const Four x = paired(halved(a), halved(b)), y = paired(halved(c), halved(d));
    *reinterpret_cast<Four*>(out) +=
        __builtin_shufflevector(x, y, 0, 1, 4, 5) + __builtin_shufflevector(x, y, 2, 3, 6, 7);
#else
    out[0] += sum(a);
    out[1] += sum(b);
    out[2] += sum(c);
    out[3] += sum(d);
#endif
}

// A polynomial by its coefficients, the highest power first.
template <typename... Coefficients>
inline Lanes polynomial(Lanes x, double first, Coefficients... others) {
    Lanes p = spread(first);
    ((p = p * x + spread(others)), ...);
    return p;
}

// exp(x) for x <= 0, relative error below 3e-16; exactly 0 below -650, because results between
// 1e-308 and 0 are denormal numbers and those cost a hundred times as much.
inline Lanes exp_of_nonpositive(Lanes x) {
    // Adding and taking away 1.5 x 2^52 rounds to the nearest integer; its low bits are in the sum.
    const Lanes magic = spread(6755399441055744.0);
    const Lanes shifted = x * spread(1.4426950408889634) + magic;
    const Lanes n = shifted - magic;
    // log 2 in two parts (Cody & Waite): the product with the first is exact.
    Lanes r = x - n * spread(6.93147180369123816490e-01);
    r = r - n * spread(1.90821492927058770002e-10);
    // The polynomial of degree 11 through the Chebyshev points of |r| <= log(2) / 2: truncation
    // below 1e-17, where Taylor's series leaves 6e-15.
    const Lanes p = polynomial(
        r, 2.5110037721946562e-08, 2.7632639789868395e-07, 2.7557240918265525e-06,
        2.480148548192088e-05, 0.00019841269890047406, 0.0013888888952315155, 0.008333333333319601,
        0.04166666666648809, 0.1666666666666668, 0.5000000000000019, 1.0, 1.0);
    const Lanes scaled = from_bits(wrapped_sum(bits_of(p), bits_of(shifted) << 52));
    // What lies below the limit may be anything by now, and becomes 0.
    return where_at_least(x, spread(-650.0), scaled);
}

// log(x) for finite normal x >= 1, as a sum of responsibilities over its largest is.
inline Lanes log_of_sum(Lanes x) {
    // x = 2^n m with m in [sqrt(1/2), sqrt(2)): shift the exponent so that the jump is there.
    const Bits offset = spread_bits(0x3fe6a09e00000000);
    const Bits exponent = (bits_of(x) - offset) >> 52;
    const Lanes m = from_bits(bits_of(x) - (exponent << 52));
    // The integer as a double, through the bits of 1.5 x 2^52.
    const Bits magic = spread_bits(0x4338000000000000);
    const Lanes n = from_bits(exponent + magic) - from_bits(magic);
    // log m = 2 atanh s with s = (m - 1) / (m + 1), |s| <= 0.1716.
    const Lanes s = (m - spread(1.0)) / (m + spread(1.0));
    const Lanes z = s * s;
    const Lanes p = polynomial(z, 2.0 / 21.0, 2.0 / 19.0, 2.0 / 17.0, 2.0 / 15.0, 2.0 / 13.0,
                               2.0 / 11.0, 2.0 / 9.0, 2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0);
    const Lanes tail = p * z * s + n * spread(1.90821492927058770002e-10);
    return n * spread(6.93147180369123816490e-01) + (spread(2.0) * s + tail);
}
