using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text;
using static BridgeGuard.Engine.Detection.Regex.Interop.Pcre2Library;

namespace BridgeGuard.Engine.Detection.Regex.Interop;

/// <summary>An expression that libpcre2 has accepted; its code is made when it is first run.</summary>
/// <remarks>
/// Of the thousands of expressions of a rule set traffic meets dozens, so that code kept for all of them is start-up time and memory for nothing. The first
/// run compiles, to machine code where that is possible (some 30 µs); two threads that come at once both do and one result is kept.
/// </remarks>
internal sealed unsafe class Pcre2Regex : CompiledRegex
{
    private const int MessageBytes = 256;

    private readonly byte[] _expression;
    private readonly PcreOptions _options;
    private readonly MatchLimits _limits;
    private Code? _code;

    internal Pcre2Regex(byte[] expression, PcreOptions options, MatchLimits limits, int groupCount)
    {
        _expression = expression;
        _options = options;
        _limits = limits;
        GroupCount = groupCount;
    }

    ~Pcre2Regex() => Dispose(false);

    public override int GroupCount { get; }

    public override RegexEngine Engine => RegexEngine.Pcre2;

    public static bool TryCreate(
        ReadOnlySpan<byte> expression,
        PcreOptions options,
        MatchLimits limits,
        [NotNullWhen(true)] out CompiledRegex? regex,
        [NotNullWhen(false)] out RegexCompileError? error)
    {
        regex = null;
        if (!IsAvailable)
        {
            error = new RegexCompileError("libpcre2-8 is not installed", 0);
            return false;
        }
        nint compiled = Compile(expression, options, out error);
        if (compiled == 0)
        {
            error ??= new RegexCompileError("libpcre2-8 is out of memory", 0);
            return false;
        }
        uint groups = 0;
        _ = pcre2_pattern_info_8(compiled, InfoCaptureCount, &groups);
        pcre2_code_free_8(compiled);
        error = null;
        regex = new Pcre2Regex(expression.ToArray(), options, limits, (int)groups);
        return true;
    }

    private static nint Compile(ReadOnlySpan<byte> expression, PcreOptions options, out RegexCompileError? error)
    {
        int code = 0;
        nuint offset = 0;
        nint compiled;
        byte nothing = 0;
        fixed (byte* pattern = expression)
        {
            compiled = pcre2_compile_8(
                pattern == null ? &nothing : pattern, (nuint)expression.Length, Translate(options), &code, &offset, 0);
        }
        error = compiled == 0 ? new RegexCompileError(MessageOf(code), (int)offset) : null;
        return compiled;
    }

    public override bool TryMatch(ReadOnlySpan<byte> buffer, int start, RegexScratch scratch, ref RegexMatch match)
    {
        if ((uint)start > (uint)buffer.Length)
        {
            return false;
        }
        if ((_code ?? MakeCode()) is not { Address: not 0 } code)
        {
            scratch.Errors++; // Out of memory: the expression was accepted before.
            return false;
        }
        Pcre2MatchState state = scratch.Pcre2;
        state.Use(_limits);
        int result;
        byte nothing = 0;
        fixed (byte* text = buffer)
        {
            byte* subject = text == null ? &nothing : text;
            result = code.IsMachineCode
                ? pcre2_jit_match_8(code.Address, subject, (nuint)buffer.Length, (nuint)start, 0, state.Data, state.Context)
                : pcre2_match_8(code.Address, subject, (nuint)buffer.Length, (nuint)start, 0, state.Data, state.Context);
        }
        if (result < 0)
        {
            CountFailure(result, scratch);
            return false;
        }
        Read(state.Results, result == 0 ? RegexMatch.MaxGroups + 1 : result, ref match);
        GC.KeepAlive(this); // Its finalizer frees the code.
        return true;
    }

    protected override void Dispose(bool disposing)
    {
        if (Interlocked.Exchange(ref _code, null) is { Address: not 0 } code)
        {
            pcre2_code_free_8(code.Address);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private Code MakeCode()
    {
        nint address = Compile(_expression, _options, out _);
        var made = new Code(address, address != 0 && pcre2_jit_compile_8(address, JitComplete) == 0);
        Code? first = Interlocked.CompareExchange(ref _code, made, null);
        if (first is not null && address != 0)
        {
            pcre2_code_free_8(address);
        }
        return first ?? made;
    }

    /// <summary>What the library made; <paramref name="Address"/> 0 when it had no memory.</summary>
    private sealed record Code(nint Address, bool IsMachineCode);

    /// <param name="results">The result vector.</param>
    /// <param name="filled">Pairs that the library has set; groups behind them took no part.</param>
    /// <param name="match">Receives the offsets.</param>
    private void Read(nuint* results, int filled, ref RegexMatch match)
    {
        match.GroupCount = Math.Min(GroupCount, RegexMatch.MaxGroups);
        match.End = (int)results[1];
        match.Start = Math.Min((int)results[0], match.End); // \K in a look-ahead can set a start behind the end.
        for (int i = 1; i <= match.GroupCount; i++)
        {
            bool took = i < filled && results[2 * i] != nuint.MaxValue;
            match.SetGroup(i, took ? (int)results[2 * i] : -1, took ? (int)results[(2 * i) + 1] : -1);
        }
    }

    private static void CountFailure(int result, RegexScratch scratch)
    {
        switch (result)
        {
            case ErrorNoMatch:
                break;
            case ErrorMatchLimit or ErrorDepthLimit or ErrorHeapLimit or ErrorJitStackLimit:
                scratch.LimitHits++;
                break;
            default:
                scratch.Errors++;
                break;
        }
    }

    private static uint Translate(PcreOptions options) =>
        (options.HasFlag(PcreOptions.IgnoreCase) ? CaseLess : 0)
        | (options.HasFlag(PcreOptions.DotAll) ? DotAll : 0)
        | (options.HasFlag(PcreOptions.Multiline) ? MultiLine : 0)
        | (options.HasFlag(PcreOptions.Extended) ? Extended : 0)
        | (options.HasFlag(PcreOptions.Anchored) ? Anchored : 0)
        | (options.HasFlag(PcreOptions.DollarEndOnly) ? DollarEndOnly : 0)
        | (options.HasFlag(PcreOptions.Ungreedy) ? Ungreedy : 0);

    private static string MessageOf(int code)
    {
        byte* buffer = stackalloc byte[MessageBytes];
        int length = pcre2_get_error_message_8(code, buffer, MessageBytes);
        return length > 0 ? Encoding.Latin1.GetString(buffer, length) : $"error {code}";
    }
}
