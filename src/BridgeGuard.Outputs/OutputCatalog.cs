using BridgeGuard.Outputs.EveFile;
using BridgeGuard.Outputs.Syslog;
using BridgeGuard.Outputs.Webhook;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Outputs;

/// <summary>One kind of output.</summary>
/// <param name="Name">As written in configuration.</param>
/// <param name="OptionsType">The record that configuration is read into.</param>
/// <param name="Create">Makes one; throws <see cref="IOException"/> or <see cref="FormatException"/> for what can be known at start.</param>
public sealed record OutputKind(string Name, Type OptionsType, Func<OutputOptions, ILogger, IOutput> Create);

/// <summary>Every kind of output, alphabetical, one line each.</summary>
public static class OutputCatalog
{
    public static readonly OutputKind[] All =
    [
        new("eve-log", typeof(EveFileOptions), (options, logger) => new EveFileOutput((EveFileOptions)options, logger)),
        new("syslog", typeof(SyslogOptions), (options, logger) => new SyslogOutput((SyslogOptions)options, logger)),
        new("webhook", typeof(WebhookOptions), (options, logger) => new WebhookOutput((WebhookOptions)options, logger)),
    ];

    /// <summary>The kind with this name, or null.</summary>
    public static OutputKind? Find(string name) => Array.Find(All, kind => kind.Name == name);
}
