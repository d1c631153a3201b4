using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Policy.Redirects;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Engine.Policy;

/// <summary>What roles and actions said about a flow, beyond the few bytes that every packet asks for. Most flows have none; kept with the pooled flow.</summary>
public sealed class FlowJudgement
{
    /// <summary>Why the flow is restricted; null when it is not.</summary>
    public RuleInfo? RestrictedBy;

    /// <summary>Redirect target of the restriction; -1: the role's.</summary>
    public int RestrictionTarget = -1;

    /// <summary>The rate of a limited flow, and what it shares its bucket with.</summary>
    public RateLimitModel? Rate;
    public ulong RateKey;

    /// <summary>What its frames are marked with: by contract, action or behaviour, which is worked out anew with every policy, and by a match, which stays. 0: nothing.</summary>
    public uint Mark;
    public uint RuleMark;

    /// <summary>The port that the client's frames leave by instead of the server's; 0: as the bridge forwards them.</summary>
    public ushort ToPort;

    /// <summary>How the ends' systems rebuild overlaps, where their roles say so.</summary>
    public HostOs? ClientOs;
    public HostOs? ServerOs;

    /// <summary>A role's answers to exceptions, by cause; null: the configured ones.</summary>
    public ExceptionPolicy?[]? Exceptions;

    /// <summary>With which variables rules see the ends' addresses (<c>AddressViews</c>); 0: as configured.</summary>
    public ushort ClientView;
    public ushort ServerView;

    /// <summary>A file of the flow waits for its verdict; null on flows that never held one.</summary>
    public FileHold? Hold;

    /// <summary>The target the flow was moved to; null when it was not.</summary>
    public RedirectTarget? MovedTo;

    public void Reset()
    {
        RestrictedBy = null;
        RestrictionTarget = -1;
        Rate = null;
        RateKey = 0;
        Mark = RuleMark = 0;
        ToPort = 0;
        ClientOs = ServerOs = null;
        Exceptions = null;
        ClientView = ServerView = 0;
        Hold?.End();
        MovedTo = null;
    }
}
