using static BridgeGuard.Engine.Detection.Regex.Interop.Pcre2Library;

namespace BridgeGuard.Engine.Detection.Regex.Interop;

/// <summary>One thread's match data, match context and machine stack for libpcre2.</summary>
/// <remarks>
/// Owner: a <see cref="RegexScratch"/>. The result vector has room for the match and <see cref="RegexMatch.MaxGroups"/> groups;
/// expressions with more report the first ones.
/// </remarks>
internal sealed unsafe class Pcre2MatchState : IDisposable
{
    private const int StackStartBytes = 32 * 1024;
    private const int StackMaxBytes = 512 * 1024;

    private readonly nint _jitStack;
    private MatchLimits _limits;

    public Pcre2MatchState()
    {
        Data = pcre2_match_data_create_8(RegexMatch.MaxGroups + 1, 0);
        Context = pcre2_match_context_create_8(0);
        if (Data == 0 || Context == 0)
        {
            throw new OutOfMemoryException();
        }
        _jitStack = pcre2_jit_stack_create_8(StackStartBytes, StackMaxBytes, 0);
        if (_jitStack != 0)
        {
            pcre2_jit_stack_assign_8(Context, 0, _jitStack);
        }
        Results = pcre2_get_ovector_pointer_8(Data);
    }

    ~Pcre2MatchState() => Free();

    public nint Data { get; private set; }

    public nint Context { get; private set; }

    /// <summary>Pairs of offsets: the match, then the groups. Written by the library at each match.</summary>
    public nuint* Results { get; }

    /// <summary>Makes the context's limits those of the expression that is about to run.</summary>
    public void Use(MatchLimits limits)
    {
        if (_limits != limits)
        {
            _ = pcre2_set_match_limit_8(Context, limits.MatchLimit);
            _ = pcre2_set_depth_limit_8(Context, limits.RecursionLimit);
            _limits = limits;
        }
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (Data != 0)
        {
            pcre2_match_data_free_8(Data);
            pcre2_match_context_free_8(Context);
            if (_jitStack != 0)
            {
                pcre2_jit_stack_free_8(_jitStack);
            }
            Data = 0;
            Context = 0;
        }
    }
}
