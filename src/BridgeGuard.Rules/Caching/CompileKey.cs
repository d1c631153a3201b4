using System.Globalization;
using System.Reflection;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using System.Text;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Regex;
using BridgeGuard.Rules.Loading;

namespace BridgeGuard.Rules.Caching;

/// <summary>The name of a compiled set: a digest of everything that its making depends on.</summary>
internal static class CompileKey
{
    /// <summary>Counts changes of the image that the build's own identity would not show.</summary>
    private const int Format = 2;

    /// <summary>64 hexadecimal digits; null when a file cannot be read or the options hold what has no digest.</summary>
    /// <param name="options">What is to be compiled.</param>
    /// <param name="digestOf">The digest of a file's content; null when it cannot be read.</param>
    public static string? Of(RuleLoadOptions options, Func<string, byte[]?> digestOf)
    {
        if (options.Filters is not null || (options.Countries is not null && options.CountriesFile is null))
        {
            return null;
        }

        var text = new StringBuilder();
        Line(text, "format", Format);
        Line(text, "engine", ModuleOf(typeof(RuleSet)));
        Line(text, "rules", ModuleOf(typeof(CompileKey)));
        Line(text, "cpu", $"{Vector128.IsHardwareAccelerated} {Vector256.IsHardwareAccelerated} {System.Runtime.Intrinsics.X86.Avx2.IsSupported} {BitConverter.IsLittleEndian} {IntPtr.Size}");
        Line(text, "pcre", CompiledRegex.Best);
        Line(text, "inline", options.IsInline);
        Line(text, "urilen", options.UriLengthIsRaw);
        Line(text, "limits", $"{options.PcreMatchLimit} {options.PcreRecursionLimit}");
        Line(text, "order", string.Join(' ', options.ActionOrder));
        Line(text, "disabled", string.Join(' ', options.DisabledFeatures) + " / " + string.Join(' ', options.DisabledProtocols));
        Line(text, "folders", string.Join('\n', options.DataFolders));
        foreach ((string name, string value) in options.Variables.Addresses.OrderBy(variable => variable.Key, StringComparer.Ordinal))
        {
            Line(text, "address " + name, value);
        }

        foreach (string[] groups in options.HomeGroups)
        {
            Line(text, "home", string.Join(' ', groups));
        }

        foreach ((string name, string value) in options.Variables.Ports.OrderBy(variable => variable.Key, StringComparer.Ordinal))
        {
            Line(text, "port " + name, value);
        }

        foreach ((string name, string content) in options.Texts)
        {
            Line(text, "text " + name, content);
        }

        string?[] single = [options.ClassificationPath, options.ReferencePath, options.ThresholdFile, options.ReputationCategoriesFile, options.CountriesFile];
        bool isComplete = single.All(file => file is null ? Add(text, "none", "", _ => []) : Add(text, "setting", file, digestOf))
            && AddAll(text, "firewall", options.FirewallFiles, digestOf)
            && AddAll(text, "rules", options.Files, digestOf);
        return isComplete ? Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()))) : null;
    }

    /// <summary>The digest of a file's content, read in pieces; null when it cannot be read.</summary>
    public static byte[]? DigestOf(string file)
    {
        try
        {
            using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16, FileOptions.SequentialScan);
            return SHA256.HashData(stream);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return null;
        }
    }

    private static bool AddAll(StringBuilder text, string kind, IReadOnlyList<string> patterns, Func<string, byte[]?> digestOf)
    {
        foreach (string pattern in patterns)
        {
            IReadOnlyList<string> files = RuleFiles.Expand(pattern, out string problem);
            Line(text, kind + " pattern", pattern);
            if (problem.Length > 0 || !files.All(file => Add(text, kind, file, digestOf)))
            {
                return false;
            }
        }

        return true;
    }

    private static bool Add(StringBuilder text, string kind, string file, Func<string, byte[]?> digestOf)
    {
        if (digestOf(file) is not { } digest)
        {
            return false;
        }

        Line(text, $"{kind} {Convert.ToHexString(digest)}", file);
        return true;
    }

    /// <summary>Lengths keep names that hold line ends from looking like other lines.</summary>
    private static void Line<T>(StringBuilder text, string name, T value)
    {
        string written = string.Create(CultureInfo.InvariantCulture, $"{value}");
        text.Append(CultureInfo.InvariantCulture, $"{name.Length}:{name}={written.Length}:{written}\n");
    }

    /// <summary>Each build has an identity of its own, also where the version stays.</summary>
    private static string ModuleOf(Type type) =>
        $"{type.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion} {type.Module.ModuleVersionId}";
}
