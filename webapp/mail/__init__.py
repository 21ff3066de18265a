"""Pure: messages, conversations, replies, reports. No Flask, no database."""
