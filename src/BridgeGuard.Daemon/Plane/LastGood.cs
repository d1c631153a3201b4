using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Rules.Loading;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Plane;

/// <summary>A copy of every file that makes the configuration in force: a data plane that dies while an operator edits starts again with what it had.</summary>
/// <remarks>In the state directory, for its owner only. Exchanged as a whole; thread: one at a time.</remarks>
internal sealed partial class LastGood(DaemonModel model, ILogger logger)
{
    private static readonly string[] s_beside = ["classification.config", "reference.config"];

    private readonly string _folder = Path.Combine(model.StateDirectory, "last-good");

    /// <summary>The copy for <see cref="SourceTree.Copy"/>; null when there is none.</summary>
    public string? Folder => Directory.Exists(_folder) ? _folder : null;

    /// <summary>Keeps the files of a configuration that has just been put in force.</summary>
    public void Save(DaemonModel inForce)
    {
        if (inForce.File is null || OperatingSystem.IsWindows())
        {
            return;
        }

        string fresh = _folder + ".new";
        string before = _folder + ".old";
        try
        {
            Remove(fresh);
            Directory.CreateDirectory(fresh, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            foreach (string file in FilesOf(inForce))
            {
                string target = SourceTree.In(fresh, file);
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Copy(file, target, overwrite: true);
            }

            Remove(before);
            if (Directory.Exists(_folder))
            {
                Directory.Move(_folder, before);
            }

            Directory.Move(fresh, _folder);
            Remove(before);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.NotKept(logger, e.Message);
        }
    }

    private static IEnumerable<string> FilesOf(DaemonModel model)
    {
        RulesModel rules = model.Rules;
        string[] ruleFiles = [.. rules.Files.SelectMany(pattern => RuleFiles.Expand(pattern, out _))];

        // Where none are named, those that lie beside the rules may be read.
        IEnumerable<string> beside = ruleFiles.Select(Path.GetDirectoryName).OfType<string>().Distinct().SelectMany(folder => s_beside.Select(name => Path.Combine(folder, name)));
        return ((string?[])[.. model.Sources, .. model.Playbooks.Files, rules.Classification, rules.References, rules.Thresholds, .. ruleFiles, .. beside])
            .OfType<string>()
            .Distinct()
            .Where(File.Exists);
    }

    private static void Remove(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(530, LogLevel.Warning, "no copy of the configuration in force is kept ({Reason}): a data plane that dies while the files are bad will not start again")]
        public static partial void NotKept(ILogger logger, string reason);
    }
}
