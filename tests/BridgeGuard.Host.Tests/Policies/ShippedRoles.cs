using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Engine.Policy;
using Xunit;

namespace BridgeGuard.Host.Tests.Policies;

/// <summary>The role files and tables of the repository.</summary>
internal static class ShippedRoles
{
    public static string Root { get; } = FindRoot();

    public static string RoleFolder => Path.Combine(Root, "rules", "roles");

    public static string TableFolder => Path.Combine(Root, "tests", "policy");

    public static IEnumerable<string> Names => Directory.GetFiles(RoleFolder, "*.yaml").Select(f => Path.GetFileNameWithoutExtension(f)!).Order(StringComparer.Ordinal);

    /// <summary>The policy of all roles, one of them in another wording; null when it is refused.</summary>
    public static PolicyModel? Load(string? changedRole = null, string? changedFile = null)
    {
        var diagnostics = new List<ConfigDiagnostic>();
        var loader = new PolicyLoader(diagnostics);
        foreach (string name in Names)
        {
            loader.AddRole(name == changedRole ? changedFile! : Path.Combine(RoleFolder, name + ".yaml"));
        }

        PolicyModel policy = loader.Build();
        if (changedRole is null)
        {
            Assert.Empty(diagnostics);
        }

        return diagnostics.Count == 0 ? policy : null;
    }

    private static string FindRoot()
    {
        string? root = AppContext.BaseDirectory;
        while (root is not null && !File.Exists(Path.Combine(root, "BridgeGuard.sln")))
        {
            root = Path.GetDirectoryName(root);
        }

        return root!;
    }
}
