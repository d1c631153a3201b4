using System.Runtime.CompilerServices;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Rules.Explain;
using Xunit;

namespace BridgeGuard.Rules.Tests.Loading;

public sealed class RoleMemoryTests
{
    [Fact]
    public void EightRolesOverEmergingThreatsTakeAtMostAQuarterMoreThanOne()
    {
        RuleSet rules = RealRuleSetTests.Load("etopen-2023-05-15.rules.gz").Rules;

        // What the set holds at the very least: its searches, entries and instructions. Texts and expressions come on top.
        long set = PrefilterOutline.Of(rules).Sum(search => search.MemoryBytes)
            + (rules.Entries.Length * (long)Unsafe.SizeOf<RuleEntry>())
            + (rules.Ops.Length * (long)Unsafe.SizeOf<BufferOp>())
            + (rules.Engines.Length * (long)Unsafe.SizeOf<InspectionEngine>());
        long one = Allocated(rules, 1);
        long eight = Allocated(rules, 8);
        Assert.InRange(set + eight, 0, (long)(1.25 * (set + one)));
        Assert.InRange((eight - one) / 7, 1, rules.Count + 4096);
    }

    /// <summary>Bytes that compiling a policy of so many roles takes, kept or not.</summary>
    private static long Allocated(RuleSet rules, int roles)
    {
        RoleAction[] actions = [RoleAction.Drop, RoleAction.Off, RoleAction.Alert, RoleAction.Reject];
        RoleModel[] all =
        [
            .. Enumerable.Range(0, roles).Select(role => new RoleModel
            {
                Name = "role" + role,
                Rules = [new RoleRule { Classtype = "trojan-activity", Action = actions[role % 4] }, new RoleRule { MetadataKey = "signature_severity", MetadataValues = ["Major"], Action = actions[(role + 1) % 4] }],
            }),
        ];
        var model = new PolicyModel(all, []);
        long before = GC.GetAllocatedBytesForCurrentThread();
        CompiledPolicy policy = new(model, rules.Rules);
        long taken = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(policy.ChangesRules);
        return taken;
    }
}
