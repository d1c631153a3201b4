using System.Diagnostics;
using BridgeGuard.Fuzz.Targets;

namespace BridgeGuard.Fuzz;

/// <summary>Runs inputs one at a time, and tells which one fails, is slow, or does not come back.</summary>
internal sealed class Guard
{
    /// <summary>Longer for one input of some KiB means quadratic work or worse: usual is well below a millisecond.</summary>
    private static readonly TimeSpan SlowInput = TimeSpan.FromSeconds(2);

    /// <summary>After this an input counts as one that never comes back.</summary>
    private static readonly TimeSpan StalledInput = TimeSpan.FromSeconds(20);

    private readonly object _gate = new();
    private string _target = "";
    private byte[]? _running;
    private long _since;

    /// <summary>What is wrong, with the input; null when nothing is.</summary>
    public string? Run(IFuzzTarget target, byte[] input)
    {
        // A machine that was busy with something else is not slow twice.
        return RunTimed(target, input, out bool isSlow) ?? (isSlow ? RunTimed(target, input, out isSlow) : null)
            ?? (isSlow ? Describe(target.Name, $"takes more than {SlowInput.TotalSeconds} s", input) : null);
    }

    /// <summary>The input that has been running for too long, from another thread; null when there is none.</summary>
    public string? Stalled()
    {
        lock (_gate)
        {
            return _running is not null && Stopwatch.GetElapsedTime(_since) > StalledInput
                ? Describe(_target, $"does not return within {StalledInput.TotalSeconds} s", _running) : null;
        }
    }

    private string? RunTimed(IFuzzTarget target, byte[] input, out bool isSlow)
    {
        byte[] kept = (byte[])input.Clone();
        Begin(target.Name, kept);
        try
        {
            target.Run((byte[])input.Clone());
            return null;
        }
        catch (Exception fault)
        {
            return Describe(target.Name, fault.ToString(), kept);
        }
        finally
        {
            isSlow = Stopwatch.GetElapsedTime(_since) > SlowInput;
            Begin("", null);
        }
    }

    private void Begin(string target, byte[]? input)
    {
        lock (_gate)
        {
            _target = target;
            _running = input;
            _since = Stopwatch.GetTimestamp();
        }
    }

    private static string Describe(string target, string fault, byte[] input) => $"{target}: {fault}\ninput: {Convert.ToHexString(input)}";
}
