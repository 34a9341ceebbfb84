"""Plugins in processes of their own. The worker's process never imports such a plugin.

    worker                                              process of the plugin
    proxy: functions of the same hooks  --- Call --->   server: admits the plugin, calls its function in a thread
    process: starts, watches, kills     <-- Line, Ask -- job: a stand-in that asks the worker's
                                        <-- Answer ---

Each call has a connection of its own, by which it ends: the plugin's process that dies closes all of them.
"""
