using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Xml.Linq;
using Xunit;

namespace BridgeGuard.Engine.Tests.Architecture;

/// <summary>The directions of dependency and the engine's promises, read from project files and from the compiled assembly.</summary>
public sealed class ArchitectureTests
{
    private static readonly Dictionary<string, string[]> AllowedReferences = new()
    {
        ["BridgeGuard.Engine"] = [],
        ["BridgeGuard.Rules"] = ["BridgeGuard.Engine"],
        ["BridgeGuard.Attachments"] = ["BridgeGuard.Engine"],
        ["BridgeGuard.Scanning"] = ["BridgeGuard.Engine"],
        ["BridgeGuard.Outputs"] = ["BridgeGuard.Engine"],
        ["BridgeGuard.Daemon"] = ["BridgeGuard.Attachments", "BridgeGuard.Outputs", "BridgeGuard.Rules", "BridgeGuard.Scanning"],
        ["BridgeGuard.Cli"] = ["BridgeGuard.Daemon"],
        ["BridgeGuard.Agent"] = [],
    };

    /// <summary>What a function of (bytes, time, rules) may need of the framework. No LINQ, no sockets, no threads, no packages.</summary>
    private static readonly string[] AllowedEngineAssemblies =
    [
        "System.Collections", "System.Formats.Asn1", "System.IO.Compression", "System.IO.Compression.Brotli", "System.Memory", "System.Net.Primitives",
        "System.Numerics.Vectors",
        "System.Runtime", "System.Runtime.InteropServices", "System.Runtime.Intrinsics", "System.Security.Cryptography", "System.Text.Encodings.Web",
        "System.Text.Encoding.Extensions", "System.Text.Json", "System.Text.RegularExpressions", "System.Collections.Concurrent", "System.Threading",
    ];

    [Fact]
    public void ProjectsReferenceOnlyWhatTheirPromiseAllows()
    {
        foreach ((string project, string[] allowed) in AllowedReferences)
        {
            XDocument file = XDocument.Load(SourceTree.Path("src", project, project + ".csproj"));
            string[] actual = [.. file.Descendants("ProjectReference").Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value)).Order()];
            Assert.True(actual.All(allowed.Contains), $"{project} references {string.Join(", ", actual)}; allowed: {string.Join(", ", allowed)}");
        }
    }

    [Fact]
    public void EngineAndRulesUseNoPackages()
    {
        foreach (string project in new[] { "BridgeGuard.Engine", "BridgeGuard.Rules" })
        {
            XDocument file = XDocument.Load(SourceTree.Path("src", project, project + ".csproj"));
            Assert.Empty(file.Descendants("PackageReference"));
        }
    }

    [Fact]
    public void OnlyTheDaemonAndTheProgramSeeHosting()
    {
        foreach (string project in AllowedReferences.Keys.Except(["BridgeGuard.Daemon", "BridgeGuard.Cli"]))
        {
            string text = File.ReadAllText(SourceTree.Path("src", project, project + ".csproj"));
            Assert.DoesNotContain("Microsoft.Extensions.Hosting", text);
            Assert.DoesNotContain("YamlDotNet", text);
        }
    }

    [Fact]
    public void EngineAssemblyReferencesOnlyTheAllowedFrameworkParts()
    {
        string[] foreign = [.. EngineReferences().Except(AllowedEngineAssemblies)];
        Assert.True(foreign.Length == 0, "the engine uses " + string.Join(", ", foreign));
    }

    [Fact]
    public void NoEngineTypeIsAnAsyncStateMachine()
    {
        Type[] machines = [.. EngineTypes().Where(t => t.GetInterfaces().Any(i => i.Name == "IAsyncStateMachine"))];
        Assert.True(machines.Length == 0, "async on the packet path: " + string.Join(", ", machines.Select(m => m.FullName)));
    }

    [Fact]
    public void NoEngineTypeHoldsALockObject()
    {
        // Names get their numbers while rules load; workers only read them.
        IEnumerable<string> locks = EngineTypes().Where(t => t.Name != "VariableNames")
            .SelectMany(t => t.GetFields(BindingFlags.Instance | BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.DeclaredOnly))
            .Where(f => f.FieldType == typeof(Lock) || f.FieldType == typeof(Mutex) || f.FieldType == typeof(SemaphoreSlim) || f.FieldType == typeof(ReaderWriterLockSlim))
            .Select(f => $"{f.DeclaringType!.FullName}.{f.Name}");
        Assert.Empty(locks);
    }

    private static IEnumerable<Type> EngineTypes() => typeof(BridgeGuard.Engine.Worker.IFrameProcessor).Assembly.GetTypes();

    private static List<string> EngineReferences()
    {
        using var stream = File.OpenRead(typeof(BridgeGuard.Engine.Worker.IFrameProcessor).Assembly.Location);
        using var image = new PEReader(stream);
        MetadataReader metadata = image.GetMetadataReader();
        var names = new List<string>();
        foreach (AssemblyReferenceHandle handle in metadata.AssemblyReferences)
        {
            names.Add(metadata.GetString(metadata.GetAssemblyReference(handle).Name));
        }

        return names;
    }
}
