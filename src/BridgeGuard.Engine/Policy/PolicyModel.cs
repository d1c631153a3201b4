using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Policy.Redirects;
using BridgeGuard.Engine.Policy.Roles;

namespace BridgeGuard.Engine.Policy;

/// <summary>Roles and targets as configured. Immutable; swapped as a whole. Who has which role is the guest set's.</summary>
/// <remarks>Index 0 of <see cref="Roles"/> is the role of ends that are no guest, and of guests that nobody gave one.</remarks>
public sealed class PolicyModel(RoleModel[] roles, RedirectTarget[] targets)
{
    public static readonly PolicyModel Empty = new([new RoleModel { Name = "default" }], []);

    public RoleModel[] Roles { get; } = roles;

    public RedirectTarget[] Targets { get; } = targets;

    /// <summary>Distinct lists of server groups of roles whose home is the guest: what a rule set must be compiled with.</summary>
    public IReadOnlyList<string[]> HomeGroups => AddressViews.GroupsOf(Roles);

    /// <summary>The role's number; -1 when there is none of that name.</summary>
    public int FindRole(string name) => Array.FindIndex(Roles, r => r.Name == name);
}
