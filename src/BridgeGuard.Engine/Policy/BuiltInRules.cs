using BridgeGuard.Engine.Detection;

namespace BridgeGuard.Engine.Policy;

/// <summary>Alerts that no rule file brings: findings of the other layers, in the form every alert consumer knows.</summary>
/// <remarks>Generator id 310 keeps their signature ids apart from those of rule files (gid 1).</remarks>
public static class BuiltInRules
{
    public const uint Gid = 310;

    public static readonly RuleInfo MaliciousFileBlocked = new()
    {
        Gid = Gid,
        Sid = 1,
        Rev = 1,
        Message = "BRIDGEGUARD malicious file stopped",
        ClassType = "trojan-activity",
        Category = "A Network Trojan was detected",
        Severity = 1,
        Action = RuleAction.RejectBoth,
    };

    public static readonly RuleInfo MaliciousFileSeen = new()
    {
        Gid = Gid,
        Sid = 2,
        Rev = 1,
        Message = "BRIDGEGUARD malicious file seen",
        ClassType = "trojan-activity",
        Category = "A Network Trojan was detected",
        Severity = 1,
        Action = RuleAction.Alert,
    };

    public static readonly RuleInfo UnjudgedFileBlocked = new()
    {
        Gid = Gid,
        Sid = 3,
        Rev = 1,
        Message = "BRIDGEGUARD file without verdict stopped by the role's fail-closed policy",
        ClassType = "policy-violation",
        Category = "Potential Corporate Privacy Violation",
        Severity = 2,
        Action = RuleAction.RejectBoth,
    };
}
