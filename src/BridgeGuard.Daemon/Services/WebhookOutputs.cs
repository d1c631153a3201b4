using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Engine.Events;
using BridgeGuard.Outputs;
using BridgeGuard.Outputs.Webhook;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Services;

/// <summary>Turns configured webhooks into outputs.</summary>
internal static class WebhookOutputs
{
    /// <summary>A sink with its journal in the state directory.</summary>
    public static IOutput Create(WebhookModel model, string stateDirectory, ILoggerFactory loggers)
    {
        var options = new WebhookOptions
        {
            Name = model.Name,
            Url = new Uri(model.Url),
            Secrets = model.Secrets,
            JournalPath = Path.Combine(stateDirectory, $"webhook-{model.Name}.db"),
            Filter = new EventFilter
            {
                Kinds = [.. model.Events.Select(KindOf)],
                MaxSeverity = model.MinimumSeverity == 255 ? (byte)0 : (byte)model.MinimumSeverity,
                OnlyDropped = model.DroppedOnly,
            },
        };
        return new WebhookOutput(options, loggers.CreateLogger<WebhookOutput>());
    }

    /// <summary>The names that <c>events:</c> may list.</summary>
    public static bool IsKnownKind(string name) => Enum.TryParse<EventKind>(name, ignoreCase: true, out _);

    private static EventKind KindOf(string name) => Enum.Parse<EventKind>(name, ignoreCase: true);
}
