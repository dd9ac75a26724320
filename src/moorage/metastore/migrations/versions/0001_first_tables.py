"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# As in tables/columns.py: 64 bits and byte order in every database.
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables, and start the leases' clock."""
    op.create_table('activity',
    sa.Column('id', WHOLE, nullable=False),
    sa.Column('at', sa.Float(), nullable=False),
    sa.Column('who', WORDS, nullable=False),
    sa.Column('address', WORDS, nullable=False),
    sa.Column('token', WORDS, nullable=False),
    sa.Column('kind', WORDS, nullable=False),
    sa.Column('target', WORDS, nullable=False),
    sa.Column('registry', WORDS, nullable=False),
    sa.Column('before', WORDS, nullable=True),
    sa.Column('after', WORDS, nullable=True),
    sa.Column('request_id', WORDS, nullable=False),
    sa.Column('outcome', WORDS, nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('activity_by_time', 'activity', ['at', 'id'], unique=False)
    op.create_table('blobs',
    sa.Column('digest', WORDS, nullable=False),
    sa.Column('size', WHOLE, nullable=False),
    sa.Column('place', WORDS, nullable=True),
    sa.Column('leased_until', sa.Float(), nullable=True),
    sa.PrimaryKeyConstraint('digest'),
    sqlite_with_rowid=False
    )
    op.create_index('blobs_by_lease', 'blobs', ['leased_until'], unique=False)
    op.create_table('clock',
    sa.Column('id', WHOLE, nullable=False),
    sa.Column('seconds', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('discarded',
    sa.Column('place', WORDS, nullable=False),
    sa.Column('leased_until', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('place'),
    sqlite_with_rowid=False
    )
    op.create_index('discarded_by_lease', 'discarded', ['leased_until'], unique=False)
    op.create_table('registries',
    sa.Column('id', WHOLE, nullable=False),
    sa.Column('name', WORDS, nullable=False),
    sa.Column('address', WORDS, nullable=False),
    sa.Column('description', WORDS, nullable=False),
    sa.Column('visibility', WORDS, nullable=False),
    sa.Column('immutable_tags', WORDS, server_default='', nullable=False),
    sa.Column('created_at', sa.Float(), nullable=False),
    sa.Column('created_by', WORDS, nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('address')
    )
    op.create_index('registries_by_visibility', 'registries', ['visibility', 'address'], unique=False)
    op.create_table('signing_keys',
    sa.Column('id', WORDS, nullable=False),
    sa.Column('secret', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('users',
    sa.Column('id', WHOLE, nullable=False),
    sa.Column('name', WORDS, nullable=False),
    sa.Column('password_hash', WORDS, nullable=False),
    sa.Column('is_admin', sa.Boolean(), nullable=False),
    sa.Column('is_disabled', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.Float(), nullable=False),
    sa.Column('kind', WORDS, nullable=False),
    sa.Column('registry_id', WHOLE, nullable=True),
    sa.Column('password_expires_at', sa.Float(), nullable=True),
    sa.ForeignKeyConstraint(['registry_id'], ['registries.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('name'),
    sqlite_autoincrement=True
    )
    op.create_index('users_by_registry', 'users', ['registry_id', 'name'], unique=False)
    op.create_table('access_tokens',
    sa.Column('id', WHOLE, nullable=False),
    sa.Column('user_id', WHOLE, nullable=False),
    sa.Column('name', WORDS, nullable=False),
    sa.Column('secret_hash', WORDS, nullable=False),
    sa.Column('actions', WORDS, nullable=False),
    sa.Column('patterns', WORDS, nullable=False),
    sa.Column('created_at', sa.Float(), nullable=False),
    sa.Column('created_by', WORDS, nullable=False),
    sa.Column('expires_at', sa.Float(), nullable=True),
    sa.Column('last_used_at', sa.Float(), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('secret_hash'),
    sa.UniqueConstraint('user_id', 'name'),
    sqlite_autoincrement=True
    )
    op.create_table('identities',
    sa.Column('directory', WORDS, nullable=False),
    sa.Column('subject', WORDS, nullable=False),
    sa.Column('user_id', WHOLE, nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('directory', 'subject'),
    sqlite_with_rowid=False
    )
    op.create_index('identities_by_user', 'identities', ['user_id'], unique=False)
    op.create_table('groups',
    sa.Column('id', WHOLE, nullable=False),
    sa.Column('name', WORDS, nullable=False),
    sa.Column('directory', WORDS, nullable=True),
    sa.Column('external', WORDS, nullable=True),
    sa.Column('created_at', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('name')
    )
    op.create_index('groups_by_directory', 'groups', ['directory', 'external'], unique=False)
    op.create_table('group_members',
    sa.Column('group_id', WHOLE, nullable=False),
    sa.Column('user_id', WHOLE, nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['groups.id'], ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('group_id', 'user_id'),
    sqlite_with_rowid=False
    )
    op.create_index('group_members_by_user', 'group_members', ['user_id'], unique=False)
    op.create_table('grants',
    sa.Column('id', WHOLE, nullable=False),
    sa.Column('registry_id', WHOLE, nullable=False),
    sa.Column('user_id', WHOLE, nullable=True),
    sa.Column('group_id', WHOLE, nullable=True),
    sa.Column('pattern', WORDS, nullable=False),
    sa.Column('role', WORDS, nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['groups.id'], ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['registry_id'], ['registries.id'], ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('registry_id', 'group_id', 'pattern'),
    sa.UniqueConstraint('registry_id', 'user_id', 'pattern')
    )
    op.create_index('grants_by_group', 'grants', ['group_id', 'registry_id'], unique=False)
    op.create_index('grants_by_user', 'grants', ['user_id', 'registry_id'], unique=False)
    op.create_table('repositories',
    sa.Column('id', WHOLE, nullable=False),
    sa.Column('registry_id', WHOLE, nullable=False),
    sa.Column('name', WORDS, nullable=False),
    sa.Column('description', WORDS, nullable=False),
    sa.Column('created_at', sa.Float(), nullable=False),
    sa.Column('pushed_at', sa.Float(), nullable=True),
    sa.Column('pushed_by', WORDS, nullable=False),
    sa.Column('pulls', WHOLE, nullable=False),
    sa.Column('pushes', WHOLE, nullable=False),
    sa.Column('last_pulled_at', sa.Float(), nullable=True),
    sa.ForeignKeyConstraint(['registry_id'], ['registries.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('name')
    )
    op.create_index('repositories_by_registry', 'repositories', ['registry_id', 'name'], unique=False)
    op.create_index('repositories_by_push', 'repositories', ['pushed_at'], unique=False)
    op.create_table('sessions',
    sa.Column('token_hash', WORDS, nullable=False),
    sa.Column('user_id', WHOLE, nullable=False),
    sa.Column('csrf', WORDS, nullable=False),
    sa.Column('created_at', sa.Float(), nullable=False),
    sa.Column('expires_at', sa.Float(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('token_hash')
    )
    op.create_index('sessions_by_user', 'sessions', ['user_id'], unique=False)
    op.create_table('edges',
    sa.Column('repository_id', WHOLE, nullable=False),
    sa.Column('source', WORDS, nullable=False),
    sa.Column('target', WORDS, nullable=False),
    sa.ForeignKeyConstraint(['repository_id'], ['repositories.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('repository_id', 'source', 'target'),
    sqlite_with_rowid=False
    )
    op.create_index('edges_by_target', 'edges', ['target', 'repository_id'], unique=False)
    op.create_table('links',
    sa.Column('repository_id', WHOLE, nullable=False),
    sa.Column('digest', WORDS, nullable=False),
    sa.Column('size', WHOLE, nullable=False),
    sa.Column('leased_until', sa.Float(), nullable=True),
    sa.ForeignKeyConstraint(['repository_id'], ['repositories.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('repository_id', 'digest'),
    sqlite_with_rowid=False
    )
    op.create_index('links_by_digest', 'links', ['digest'], unique=False)
    op.create_index('links_by_lease', 'links', ['leased_until'], unique=False)
    op.create_table('manifests',
    sa.Column('id', WHOLE, nullable=False),
    sa.Column('repository_id', WHOLE, nullable=False),
    sa.Column('digest', WORDS, nullable=False),
    sa.Column('media_type', WORDS, nullable=False),
    sa.Column('artifact_type', WORDS, nullable=True),
    sa.Column('config_type', WORDS, nullable=True),
    sa.Column('is_index', sa.Boolean(), nullable=False),
    sa.Column('subject', WORDS, nullable=True),
    sa.Column('annotations', WORDS, nullable=False),
    sa.Column('platforms', WORDS, nullable=False),
    sa.Column('own_size', WHOLE, nullable=False),
    sa.Column('body_size', WHOLE, nullable=False),
    sa.Column('pushed_at', sa.Float(), nullable=False),
    sa.Column('pushed_by', WORDS, nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['repository_id'], ['repositories.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('repository_id', 'digest')
    )
    op.create_index('manifests_by_subject', 'manifests', ['repository_id', 'subject', 'digest'], unique=False)
    op.create_index('manifests_by_time', 'manifests', ['repository_id', sa.text('pushed_at DESC'), 'digest'], unique=False)
    op.create_table('tag_moves',
    sa.Column('id', WHOLE, nullable=False),
    sa.Column('repository_id', WHOLE, nullable=False),
    sa.Column('tag', WORDS, nullable=False),
    sa.Column('digest', WORDS, nullable=True),
    sa.Column('previous', WORDS, nullable=True),
    sa.Column('at', sa.Float(), nullable=False),
    sa.Column('by', WORDS, nullable=False),
    sa.ForeignKeyConstraint(['repository_id'], ['repositories.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('tag_moves_by_tag', 'tag_moves', ['repository_id', 'tag', 'id'], unique=False)
    op.create_table('tags',
    sa.Column('repository_id', WHOLE, nullable=False),
    sa.Column('name', WORDS, nullable=False),
    sa.Column('digest', WORDS, nullable=False),
    sa.Column('pushed_at', sa.Float(), nullable=False),
    sa.Column('pushed_by', WORDS, nullable=False),
    sa.ForeignKeyConstraint(['repository_id'], ['repositories.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('repository_id', 'name'),
    sqlite_with_rowid=False
    )
    op.create_index('tags_by_digest', 'tags', ['repository_id', 'digest'], unique=False)
    op.create_index('tags_by_time', 'tags', ['repository_id', sa.text('pushed_at DESC'), 'name'], unique=False)
    op.create_table('uploads',
    sa.Column('id', WORDS, nullable=False),
    sa.Column('repository_id', WHOLE, nullable=True),
    sa.Column('user', WORDS, nullable=False),
    sa.Column('algorithm', WORDS, nullable=False),
    sa.Column('size', WHOLE, nullable=False),
    sa.Column('digest', WORDS, nullable=True),
    sa.Column('place', WORDS, nullable=False),
    sa.Column('started_at', sa.Float(), nullable=False),
    sa.Column('leased_until', sa.Float(), nullable=False),
    sa.ForeignKeyConstraint(['repository_id'], ['repositories.id'], ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('uploads_by_lease', 'uploads', ['leased_until'], unique=False)
    op.create_index('uploads_by_repository', 'uploads', ['repository_id'], unique=False)
    op.execute("INSERT INTO clock (id, seconds) VALUES (1, 0)")
