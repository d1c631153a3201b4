using System.Diagnostics.CodeAnalysis;

namespace BridgeGuard.Engine.Detection.Regex;

/// <summary>A compiled Perl-compatible expression over bytes.</summary>
/// <remarks>
/// Thread: shared by all; each thread brings its own <see cref="RegexScratch"/>. A match with libpcre2 allocates nothing.
/// A match that hits its limits is no match and is counted in <see cref="RegexScratch.LimitHits"/>.
/// </remarks>
public abstract class CompiledRegex : IDisposable
{
    /// <summary>Capture groups in the expression; a match keeps the first <see cref="RegexMatch.MaxGroups"/>.</summary>
    public abstract int GroupCount { get; }

    /// <summary>Which engine runs the expression.</summary>
    public abstract RegexEngine Engine { get; }

    /// <summary>Finds the first match that begins at or after an offset.</summary>
    /// <remarks>
    /// Look-behinds, <c>\b</c> and <c>^</c> see the bytes before <paramref name="start"/>. A relative expression (<c>/R</c>) is
    /// one over the rest of the buffer: pass the slice behind the last match, with start 0, and add its offset to the results.
    /// To iterate, start again at <see cref="RegexMatch.NextStart"/>.
    /// </remarks>
    /// <param name="buffer">The bytes to search.</param>
    /// <param name="start">0 to the buffer's length; beyond it there is no match.</param>
    /// <param name="scratch">The calling thread's.</param>
    /// <param name="match">Set when true is returned.</param>
    public abstract bool TryMatch(ReadOnlySpan<byte> buffer, int start, RegexScratch scratch, ref RegexMatch match);

    /// <summary>The engine that <see cref="TryCompile(ReadOnlySpan{byte}, PcreOptions, MatchLimits, out CompiledRegex?, out RegexCompileError?)"/> uses here.</summary>
    public static RegexEngine Best => Interop.Pcre2Library.IsAvailable ? RegexEngine.Pcre2 : RegexEngine.Managed;

    /// <summary>Compiles an expression (the part between the slashes, as bytes) with the best engine there is.</summary>
    /// <returns>False with an error for a bad expression.</returns>
    public static bool TryCompile(
        ReadOnlySpan<byte> expression,
        PcreOptions options,
        MatchLimits limits,
        [NotNullWhen(true)] out CompiledRegex? regex,
        [NotNullWhen(false)] out RegexCompileError? error) =>
        TryCompile(
            Best, expression, options, limits, out regex, out error);

    /// <summary>An expression that <see cref="TryCompile(ReadOnlySpan{byte}, PcreOptions, MatchLimits, out CompiledRegex?, out RegexCompileError?)"/> accepted before.</summary>
    internal static CompiledRegex Again(byte[] expression, PcreOptions options, MatchLimits limits, int groupCount)
    {
        if (Interop.Pcre2Library.IsAvailable)
        {
            return new Interop.Pcre2Regex(expression, options, limits, groupCount);
        }

        return TryCompile(RegexEngine.Managed, expression, options, limits, out CompiledRegex? regex, out RegexCompileError? error)
            ? regex
            : throw new InvalidDataException($"an expression is not accepted any more: {error.Message}");
    }

    /// <summary>Compiles with a named engine.</summary>
    /// <returns>False with an error for a bad expression, for one that the engine lacks, or for an engine that is absent.</returns>
    public static bool TryCompile(
        RegexEngine engine,
        ReadOnlySpan<byte> expression,
        PcreOptions options,
        MatchLimits limits,
        [NotNullWhen(true)] out CompiledRegex? regex,
        [NotNullWhen(false)] out RegexCompileError? error) =>
        engine == RegexEngine.Pcre2
            ? Interop.Pcre2Regex.TryCreate(expression, options, limits, out regex, out error)
            : ManagedRegex.TryCreate(expression, options, limits, out regex, out error);

    /// <summary>Gives back native memory. Call it when no thread can still use the expression.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives back native memory.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }
}

/// <summary>The engines for <c>pcre</c>.</summary>
public enum RegexEngine : byte
{
    /// <summary>libpcre2-8, with its compiler to machine code where the CPU has one.</summary>
    Pcre2,

    /// <summary>.NET's, over bytes widened to Latin-1 characters: the fallback.</summary>
    Managed,
}
